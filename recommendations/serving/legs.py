"""Stage two of a recommendation: events that the slip would take, each with the best outcome that may be bet on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from recommendations.offer import OWN_ODD, Offer
from recommendations.offer.arrays import Floats
from recommendations.prices.choice import Leg, OutcomeChooser
from recommendations.prices.refusals import Refusal

from . import slip

MAX_LOOKED_AT = 256  # events; then the slip is shorter
_GROWTH = 4


@dataclass(frozen=True, slots=True)
class Selections:
    """The places of a slip's events in the offer, best first. `legs`: place -> outcome of those that were chosen by
    their markets; `passed_over`: place -> why no price of this event may be served."""

    places: list[int] = field(default_factory=list)
    legs: dict[int, Leg] = field(default_factory=dict)
    passed_over: dict[int, Refusal] = field(default_factory=dict)


def choose(offer: Offer, scores: Floats, rules: slip.Rules, chooser: OutcomeChooser | None) -> Selections:
    """The best-scored events that may be shown together and of which a price may be served, at most `rules.limit`.

    Without a `chooser`, no price of a market may be served. Raises ValueError for scores of another shape.
    """
    if chooser is None or offer.offered_by is None:
        return Selections(slip.choose(offer, scores, rules))
    return _Search(offer, scores, rules, chooser).run()


def first_look(offer: Offer, scores: Floats, rules: slip.Rules, chooser: OutcomeChooser | None) -> list[int]:
    """The ids of the events whose prices `choose` asks for at first."""
    if chooser is None or offer.offered_by is None:
        return []
    search = _Search(offer, scores, rules, chooser)
    return search.ids_with_markets(search.candidates(rules.limit + 1))


@dataclass(slots=True, eq=False)
class _Search:
    """Looks at one event more than needed, then, while some are missing, at four times as many."""

    offer: Offer
    scores: Floats
    rules: slip.Rules
    chooser: OutcomeChooser
    passed_over: dict[int, Refusal] = field(default_factory=dict)

    def run(self) -> Selections:
        looked_at = self.rules.limit + 1
        while True:
            known = len(self.passed_over)
            places = self.candidates(looked_at)
            self.chooser.load(self.ids_with_markets(places))
            found = self._take(places)
            # what was passed over may have kept others out of the slip: they are looked at again without it
            if len(self.passed_over) == known or len(self.passed_over) >= MAX_LOOKED_AT:
                return found
            looked_at = min(looked_at * _GROWTH, MAX_LOOKED_AT - len(self.passed_over))

    def candidates(self, at_most: int) -> list[int]:
        """The places that the slip would take if each event had a price, without those that have none."""
        alive = self.chooser.alive
        rules = replace(
            self.rules, limit=at_most, alive=-1 if alive is None else alive, passed_over=self.passed_over.keys()
        )
        return slip.choose(self.offer, self.scores, rules)

    def ids_with_markets(self, places: Sequence[int]) -> list[int]:
        return [int(self.offer.ids[place]) for place in places if self._has_markets(place)]

    def _take(self, places: Sequence[int]) -> Selections:
        """The first of these events that have an outcome; one without is passed over."""
        found = Selections(passed_over=self.passed_over)
        markets = Counter(each.market for each in self.rules.in_slip if each.market)
        for place in places:
            if len(found.places) == self.rules.limit:
                break
            if self._has_markets(place):
                leg = self._choose(place, markets)
                if isinstance(leg, Refusal):
                    self.passed_over[place] = leg
                    continue
                found.legs[place] = leg
                markets[leg.outcome.market] += 1
            found.places.append(place)
        return found

    def _choose(self, place: int, markets: Counter[str]) -> Leg | Refusal:
        offer, most = self.offer, self.rules.options.max_per_market
        full = frozenset(market for market, number in markets.items() if most is not None and number >= most)
        is_live = bool(offer.begins[place] <= self.rules.now)
        return self.chooser.choose(int(offer.ids[place]), offer.sport[place], is_live=is_live, full=full)

    def _has_markets(self, place: int) -> bool:
        return self.offer.offered_by is not None and bool(self.offer.offered_by[place] != OWN_ODD)
