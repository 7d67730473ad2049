"""The service's state at a time in a history: offer, trends, tallies. Time only moves forward."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from recommendations.offer import ATTRIBUTES, Offer
from recommendations.offer.arrays import Places
from recommendations.recommenders.hybrid_features.bet_sequences import BetSequences
from recommendations.recommenders.user_values import BANDS
from recommendations.tallies.selections import BAND_BOUNDS, WEIGHT_HALF_LIFE, TallyCoupon, TallySelection
from recommendations.tallies.trends import TREND_HALF_LIFE, DictionarySums, Trends
from recommendations.tallies.user_tallies import Tallies

from .decayed_sums import DecayedSums
from .history import History, InTurn, PastCoupon, PastOutcome

_ODDS_BAND = "odds_band"
_NEGLIGIBLE = 1e-6  # trend of an event, as in the SQL of trend_cache


@dataclass(frozen=True, slots=True)
class OpenEvents:
    """The open events, and their places in the history. Valid until `until` (Unix seconds)."""

    offer: Offer
    places: Places
    until: float


class ReplayedState:
    """The state before the next coupon. `move_to` advances the time, `add` adds a coupon."""

    def __init__(self, history: History) -> None:
        events = history.events
        self.history = history
        self.now = -np.inf
        self.odds = events.odds.copy()
        self.coupons = 0
        self.tallies: dict[int, Tallies] = defaultdict(Tallies)
        self.coupon_counts: dict[int, int] = defaultdict(int)
        self.chosen: dict[int, set[int]] = defaultdict(set)  # user -> places of events
        self.sequences = BetSequences()
        self.event_counts = np.zeros(len(events))
        self._event_lasts = np.zeros(len(events))
        self._event_trends = DecayedSums(len(events), TREND_HALF_LIFE)
        self._columns = {name: getattr(events, name) for name in ATTRIBUTES}
        self._dictionaries = {name: each.dictionary for name, each in self._columns.items()} | {_ODDS_BAND: BANDS}
        sizes = {name: len(dictionary.values) for name, dictionary in self._dictionaries.items()}
        self._weights = {name: DecayedSums(size, WEIGHT_HALF_LIFE) for name, size in sizes.items()}
        self._recent = {name: DecayedSums(size, TREND_HALF_LIFE) for name, size in sizes.items()}
        self._odds_changes = InTurn(history.odds_changes)
        self._open: OpenEvents | None = None
        self._trends: tuple[float, Trends] | None = None

    def move_to(self, now: float) -> None:
        """Advance the time to `now` (Unix seconds), and apply earlier odds changes."""
        self.now = now
        for change in self._odds_changes.before(now):
            self.odds[change.place] = change.odd
            self._open = None

    def add(self, coupon: PastCoupon, odd_of: Callable[[int, PastOutcome], float] | None = None) -> None:
        """Add a purchased coupon. Afterwards the state is only valid for later times. `odd_of`: the odd of an outcome
        of the event at a place, required if the coupon's bets name outcomes."""
        self.coupons += 1
        self.coupon_counts[coupon.user_id] += 1
        bets = [self._bet(place) for place in coupon.places]
        if odd_of is not None:
            bets = self._with_outcomes(bets, coupon, odd_of)
        self.tallies[coupon.user_id].add(TallyCoupon(self.coupons, coupon.timestamp, coupon.stake, bets))
        self.chosen[coupon.user_id].update(coupon.places)
        self.sequences.add(coupon.user_id, coupon.timestamp, self.history.events.ids[list(coupon.places)].tolist())
        for place in coupon.places:
            self._count(coupon.timestamp, place)
        self._trends = None

    def open(self) -> OpenEvents:
        """The events that are open now."""
        if self._open is None or self.now >= self._open.until:
            events, opens_at = self.history.events, self.history.opens_at
            has_begun, is_open = events.begins <= self.now, opens_at <= self.now
            mask = is_open & ~has_begun
            places = np.flatnonzero(mask)
            later = np.concatenate([opens_at[~is_open], events.begins[mask]])
            self._open = OpenEvents(self._offer_of(places), places, float(later.min(initial=np.inf)))
        return self._open

    def trends(self) -> Trends:
        """The trends of all users' bets so far, as the service computes them."""
        if self._trends is None or self._trends[0] != self.now:
            self._trends = self.now, self._sum_up()
        return self._trends[1]

    def _offer_of(self, places: Places) -> Offer:
        events = self.history.events
        if len(places) == len(events):
            return self._with_odds(events, self.odds.copy())
        mask = np.zeros(len(events), dtype=np.bool_)
        mask[places] = True
        return self._with_odds(events.keep(mask), self.odds[places])

    def _with_odds(self, offer: Offer, odds: Any) -> Offer:
        names = ("version", "ids", "begins", "ends", *ATTRIBUTES, "start_time_tbd")
        return Offer(**{name: getattr(offer, name) for name in names}, odds=odds)

    def _sum_up(self) -> Trends:
        event_trends = self._event_trends.at(self.now)
        places = np.flatnonzero((self.event_counts > 0) & (self.history.events.begins > self.now))
        return Trends(
            weights=self._by_attribute(self._weights),
            recent=self._by_attribute(self._recent),
            event_ids=self.history.events.ids[places],
            event_trends=np.where(event_trends[places] > _NEGLIGIBLE, event_trends[places], 0.0),
            event_counts=self.event_counts[places],
            last_bet_times=self._event_lasts[places],
        )

    def _by_attribute(self, sums: dict[str, DecayedSums]) -> dict[str, DictionarySums]:
        return {
            name: DictionarySums(self._dictionaries[name].values, self._dictionaries[name].places, each.at(self.now))
            for name, each in sums.items()
        }

    def _bet(self, place: int) -> TallySelection:
        events, odd = self.history.events, _known(float(self.odds[place]))
        texts = events.names(place) | {"category": events.category(place)}
        return TallySelection(**texts, event_id=int(events.ids[place]), odd=odd)

    def _with_outcomes(
        self, bets: list[TallySelection], coupon: PastCoupon, odd_of: Callable[[int, PastOutcome], float]
    ) -> list[TallySelection]:
        """The selections of a coupon's events with the outcomes' odds; each event has at most one outcome."""
        outcomes = dict(coupon.bets)
        for place, bet in zip(coupon.places, bets, strict=True):
            if (outcome := outcomes.get(place)) is not None:
                bet.market, bet.line, bet.outcome = outcome
                bet.odd = _known(odd_of(place, outcome))
        return bets

    def _count(self, timestamp: float, place: int) -> None:
        self.event_counts[place] += 1
        self._event_lasts[place] = timestamp
        self._event_trends.add(timestamp, place)
        codes = {name: int(column.codes[place]) for name, column in self._columns.items()}
        codes[_ODDS_BAND] = bisect_right(BAND_BOUNDS, float(self.odds[place]))
        for name, code in codes.items():
            self._weights[name].add(timestamp, code)
            self._recent[name].add(timestamp, code)


def _known(odd: float) -> float | None:
    """None for NaN, the odd of an event without its own odd."""
    return None if isnan(odd) else odd
