"""Stage two of a recommendation: the events that the slip accepts, each with its best open outcome."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from recommendations.offer import OWN_ODD, Offer
from recommendations.offer.arrays import Floats
from recommendations.prices.choice import Leg, OutcomeChooser
from recommendations.prices.refusals import Refusal

from . import slip

MAX_LOOKED_AT = 256  # events; beyond, the slip stays shorter
_GROWTH = 5
_NONE = frozenset[str]()


class Selections(msgspec.Struct, frozen=True):
    """The places of a slip's events in the offer, best first. `legs`: place -> outcome, for events chosen by their
    markets; `passed_over`: place -> refusal, for events without a servable price."""

    places: list[int] = []
    legs: dict[int, Leg] = {}
    passed_over: dict[int, Refusal] = {}


class Search(msgspec.Struct, eq=False):
    """A search for the best-scored events that may be shown together and have a servable price, at most `rules.limit`.
    Without a `chooser`, no price of a market may be served.

    The search reads the prices of as many events as needed, then, while some are missing, of five times as many: nearly
    all events that the offer shows as open have a servable price. Once a query has read the feeds, events that only
    closed feeds price are skipped; with `names_closed_feeds`, the skipped events that the slip would accept are in
    `passed_over`. `first_places`: the first candidates, if known. `pick`: `slip.choose`, or `slip.alternatives` for
    events each of which alone may join the slip.
    """

    offer: Offer
    scores: Floats
    rules: slip.Rules
    chooser: OutcomeChooser | None
    names_closed_feeds: bool = False
    pick: Callable[[Offer, Floats, slip.Rules], list[int]] = slip.choose
    passed_over: dict[int, Refusal] = {}
    first_places: list[int] | None = None

    def first_event_ids(self) -> list[int]:
        """The ids of the events whose prices `run` reads first, so that they can be read earlier."""
        if self.chooser is None or self.offer.offered_by is None:
            return []
        self.first_places = self._candidates(self.chooser, self.rules.limit)
        return [*self._with_markets(self.first_places).values()]

    def run(self) -> Selections:
        """Search the events. Raises ValueError for scores of another shape than the offer's."""
        chooser = self.chooser
        if chooser is None or self.offer.offered_by is None:
            return Selections(self.first_places or self.pick(self.offer, self.scores, self.rules))
        looked_at = self.rules.limit
        places = self.first_places or self._candidates(chooser, looked_at)
        while True:
            known = len(self.passed_over)
            with_markets = self._with_markets(places)
            chooser.load_prices({event_id: self.offer.sport[place] for place, event_id in with_markets.items()})
            found = self._take(chooser, places, with_markets)
            # passed-over events may have excluded others from the slip, which are tried again without them
            if len(self.passed_over) == known or len(self.passed_over) >= MAX_LOOKED_AT:
                if self.names_closed_feeds:
                    self._pass_over_closed_feeds(chooser)
                return found
            looked_at = min(looked_at * _GROWTH, MAX_LOOKED_AT - len(self.passed_over))
            places = self._candidates(chooser, looked_at)

    def _candidates(self, chooser: OutcomeChooser, at_most: int) -> list[int]:
        """The places that the slip would accept if each event had a price, without the passed-over events."""
        rules, alive = self.rules, chooser.alive
        if self.passed_over or (rules.limit, rules.alive) != (at_most, alive):
            rules = replace(rules, limit=at_most, alive=alive, passed_over=self.passed_over.keys())
        return self.pick(self.offer, self.scores, rules)

    def _take(self, chooser: OutcomeChooser, places: Sequence[int], with_markets: Mapping[int, int]) -> Selections:
        """The first of these events with an own odd or an open outcome; others are passed over."""
        found, most = Selections(passed_over=self.passed_over), self.rules.options.max_per_market
        markets = [each.market for each in self.rules.in_slip if each.market]
        for place in places:
            if len(found.places) == self.rules.limit:
                break
            if (event_id := with_markets.get(place)) is not None:
                full = _NONE if most is None else frozenset(name for name in markets if markets.count(name) >= most)
                is_live = self.offer.begins.item(place) <= self.rules.now
                leg = chooser.choose(event_id, is_live=is_live, full=full)
                if isinstance(leg, Refusal):
                    self.passed_over[place] = leg
                    continue
                found.legs[place] = leg
                if self.pick is slip.choose:
                    markets.append(leg.outcome.market)
            found.places.append(place)
        return found

    def _pass_over_closed_feeds(self, chooser: OutcomeChooser) -> None:
        """Record as passed over the events of closed feeds that the slip would accept if all feeds were open."""
        if self.offer.offered_by is None:
            return
        alive = chooser.alive
        for place in slip.choose(self.offer, self.scores, replace(self.rules, alive=slip.ANY_PRODUCER)):
            offered_by = int(self.offer.offered_by[place])
            if offered_by != OWN_ODD and not offered_by & alive:
                self.passed_over.setdefault(place, chooser.refusal_of_feeds(offered_by))

    def _with_markets(self, places: Sequence[int]) -> dict[int, int]:
        """Place -> id, for the events with markets."""
        ids, offered_by = self.offer.ids, self.offer.offered_by
        if offered_by is None:
            return {}
        return {place: ids.item(place) for place in places if offered_by.item(place) != OWN_ODD}
