"""Exploration: with a known probability, the last event of a slip is drawn from the best candidates for its place."""

from dataclasses import dataclass, replace

import msgspec
import numpy as np

from . import slip
from .legs import Search, Selections
from .options import NO_SELECTORS
from .slip_completion import offered

CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Draw:
    """The draw of a slip's last event. `candidates`: places in the offer, best first. `propensity`: the probability of
    the drawn one, (1 - rate) [it is the best] + rate / candidates."""

    candidates: tuple[int, ...]
    propensity: float


def first_event_ids(search: Search) -> list[int]:
    """The ids of the events whose prices the slip and the draw read first, so that one query reads both."""
    ids, places = search.first_event_ids(), search.first_places
    return [*ids, *_at_last_place(search, Selections(places)).first_event_ids()] if places else ids


def explore(
    search: Search, chosen: Selections, rate: float, rng: np.random.Generator
) -> tuple[Selections, Draw | None]:
    """The slip `chosen` by a search, with its last event drawn, and the draw. Without a draw if the slip is not full or
    its last event is pinned."""
    if len(chosen.places) < search.rules.limit or _is_pinned(search, chosen.places[-1]):
        return chosen, None
    *others, last = chosen.places
    found = _at_last_place(search, chosen).run()
    candidates = [last, *(each for each in found.places if each != last)][:CANDIDATES]
    number = int(rng.integers(len(candidates))) if rng.random() < rate else 0
    propensity = rate / len(candidates) + (1.0 - rate if number == 0 else 0.0)
    draw = Draw(tuple(candidates), round(propensity, 6))
    if number == 0:
        return chosen, draw
    places, known = [*others, candidates[number]], {**found.legs, **chosen.legs}
    legs = {place: known[place] for place in places if place in known}
    return msgspec.structs.replace(chosen, places=places, legs=legs), draw


def _at_last_place(search: Search, chosen: Selections) -> Search:
    """A search for the events that may each replace the last one, by the same rules and prices."""
    others, rules = chosen.places[:-1], search.rules
    shown = [_slip_event(search, place, chosen) for place in others]
    other_ids = {int(search.offer.ids[place]) for place in others}
    excluded, in_slip = other_ids.union(rules.excluded), [*rules.in_slip, *shown]
    rules = msgspec.structs.replace(rules, limit=CANDIDATES, in_slip=in_slip, excluded=excluded)
    return Search(
        search.offer, search.scores, rules, search.chooser, pick=slip.alternatives, passed_over={**search.passed_over}
    )


def _slip_event(search: Search, place: int, chosen: Selections) -> slip.SlipEvent:
    leg = chosen.legs.get(place)
    return replace(offered(search.offer, place), market="" if leg is None else leg.outcome.market)


def _is_pinned(search: Search, place: int) -> bool:
    pinned = search.rules.options.pinned
    return pinned != NO_SELECTORS and bool(slip.selected(search.offer, pinned)[place])
