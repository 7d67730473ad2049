"""The one gate between a recommender's scores and a user: only what may be shown gets into a slip."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recommendations.offer import Column, MemoKey, Offer
from recommendations.offer.arrays import Mask, Places, kth_largest
from recommendations.tallies.selections import Match

from .options import DEFAULTS, Options, Selectors

_HAS_ODD_WITHIN = MemoKey[tuple[tuple[float, float], Mask]]("has odd within")
_FIRST_LOOK = 256  # places that are sorted at first; nearly always enough


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be in this slip: at most `limit` events, at `now` (Unix seconds), under the casino's `options`.

    `excluded` and `held_events` are ids of events that the request, or an open coupon of the user's, rules out; a
    selection that named no event rules out by its `held_matches`. `sports`: only these, where there are any.
    """

    now: float
    limit: int
    options: Options = DEFAULTS
    sports: Collection[str] = ()
    excluded: Collection[int] = ()
    held_events: Collection[int] = ()
    held_matches: Collection[Match] = field(default=())


def eligible(offer: Offer, rules: Rules) -> Mask:
    """Which events may be shown by what they are, whoever asks."""
    options = rules.options
    mask: Mask = np.greater(offer.begins, rules.now + options.begin_margin_seconds)
    if options.live_events:
        mask |= (offer.begins <= rules.now) & (offer.ends > rules.now)
    mask &= _has_odd_within(offer, options.min_odd, options.max_odd)
    if rules.sports:
        mask &= _has_any(offer.sport, rules.sports)
    if options.blocked:
        mask &= ~selected(offer, options.blocked)
    return mask


def _has_odd_within(offer: Offer, low: float, high: float) -> Mask:
    """The same for all users of a casino, so that it is kept; read-only."""
    kept = offer.memo.get(_HAS_ODD_WITHIN)
    if kept is None or kept[0] != (low, high):
        mask = (offer.odds > 1.0) & (offer.odds >= low) & (offer.odds <= high)
        kept = offer.memo.keep(_HAS_ODD_WITHIN, ((low, high), mask))
    return kept[1]


def selected(offer: Offer, selectors: Selectors) -> Mask:
    """Which events the selectors name."""
    mask: Mask = np.isin(offer.ids, np.array(selectors.events, dtype=np.int64))
    columns = (
        (offer.league, selectors.leagues),
        (offer.home_team, selectors.teams),
        (offer.away_team, selectors.teams),
        (offer.sport, selectors.sports),
    )
    for column, names in columns:
        if names:
            mask |= _has_any(column, names)
    return mask


def _has_any(column: Column[Any], names: Iterable[str]) -> Mask:
    is_named = np.zeros(len(column.values) + 1, dtype=np.bool_)
    is_named[[column.dictionary.places.get(name.upper(), -1) for name in names]] = True
    is_named[-1] = False  # where the unknown names went
    return column.spread(is_named)


def choose(offer: Offer, scores: np.ndarray[Any, Any], rules: Rules) -> list[int]:
    """The places in `offer` of the best-scored events that may be shown together, best first; pinned ones before all.

    Equal scores go by id. Where fewer may be shown the slip is shorter; it is never filled with others.
    `scores` has shape (n,); NaN counts as the lowest.
    """
    if scores.shape != (len(offer),):
        raise ValueError(f"A recommender must give {len(offer)} scores, one an event; it gave shape {scores.shape}.")
    if np.isnan(scores).any():
        scores = np.nan_to_num(scores, nan=-np.inf)
    slip, mask = _Slip(offer, rules), eligible(offer, rules)
    if rules.options.pinned:
        slip.fill(scores, mask & selected(offer, rules.options.pinned))
    slip.fill(scores, mask)
    return slip.places


def best_first(scores: np.ndarray[Any, Any], places: Places) -> Iterator[int]:
    """The places by descending score, equal scores in the order of the places; sorted only as far as is asked for."""
    size = _FIRST_LOOK
    while places.size > size:
        mine = scores[places]
        edge = kth_largest(mine, size)
        yield from _sorted(scores, places[mine > edge])
        yield from map(int, places[mine == edge])
        places = places[mine < edge]
        size *= 8
    yield from _sorted(scores, places)


def _sorted(scores: np.ndarray[Any, Any], places: Places) -> Iterator[int]:
    yield from map(int, places[np.argsort(-scores[places], kind="stable")])


class _Slip:
    """A slip in the making, and what it holds already."""

    def __init__(self, offer: Offer, rules: Rules) -> None:
        self.places: list[int] = []
        self._offer = offer
        self._rules = rules
        self._teams: set[str] = set()
        self._leagues: Counter[tuple[str, str]] = Counter()
        self._sports: Counter[str] = Counter()
        self._is_closed: Mask | None = None

    def fill(self, scores: np.ndarray[Any, Any], mask: Mask) -> None:
        """Take the best of these events. As soon as a league or sport is full the others are ranked without it: to pass
        over its events one by one would take longer than all else."""
        while self._take_from(scores, mask if self._is_closed is None else mask & ~self._is_closed):
            pass

    def _take_from(self, scores: np.ndarray[Any, Any], mask: Mask) -> bool:
        """Whether something has become full."""
        if len(self.places) >= self._rules.limit:
            return False
        for place in best_first(scores, np.flatnonzero(mask)):
            if self._has_room_for(place):
                has_filled = self._add(place)
                if has_filled or len(self.places) >= self._rules.limit:
                    return has_filled
        return False

    def _has_room_for(self, place: int) -> bool:
        offer = self._offer
        return not self._is_ruled_out(place) and not {offer.home_team[place], offer.away_team[place]} & self._teams

    def _is_ruled_out(self, place: int) -> bool:
        event_id = int(self._offer.ids[place])
        if event_id in self._rules.excluded or event_id in self._rules.held_events:
            return True
        return bool(self._rules.held_matches) and match_of(self._offer, place) in self._rules.held_matches

    def _add(self, place: int) -> bool:
        """Whether its league or sport is full by it."""
        offer, options = self._offer, self._rules.options
        self.places.append(place)
        self._teams |= {offer.home_team[place], offer.away_team[place]}
        pair, sport = offer.pair[place], offer.sport[place]
        self._leagues[pair] += 1
        self._sports[sport] += 1
        full = [offer.pair.equals(pair)] if self._leagues[pair] == options.max_per_league else []
        full += [offer.sport.equals(sport)] if self._sports[sport] == options.max_per_sport else []
        for mask in full:
            self._is_closed = mask if self._is_closed is None else self._is_closed | mask
        return bool(full)


def match_of(offer: Offer, place: int) -> Match:
    return offer.sport[place], offer.league[place], offer.home_team[place], offer.away_team[place]
