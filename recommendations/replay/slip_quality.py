"""What slips are like: valid, varied, and how much of the offer they reach."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from recommendations.offer import ATTRIBUTES, Offer

from .replayed_state import ReplayedState


@dataclass(slots=True)
class SlipStatistics:
    """Of many slips: how many selections they have, how many of those are `invalid`, which events were shown, and the
    unlikeness within slips of at least two events."""

    selections: int = 0
    invalid: int = 0
    shown: set[int] = field(default_factory=set)
    unlikeness: float = 0.0
    compared: int = 0

    def add(self, events: Sequence[int], invalid: int, unlike: float | None) -> None:
        self.selections += len(events)
        self.invalid += invalid
        self.shown.update(events)
        if unlike is not None:
            self.unlikeness += unlike
            self.compared += 1


def faults(world: ReplayedState, events: Sequence[int], chosen: Collection[int]) -> int:
    """How many of these events of the history nobody should be shown now: by the history itself, whatever the gate
    says."""
    history, seen, teams = world.history, set[int](), set[str]()
    number = 0
    for event in events:
        own = {history.events.home_team[event], history.events.away_team[event]}
        is_open = history.opens_at[event] <= world.now < history.events.begins[event]
        number += not (is_open and world.odds[event] > 1.0 and event not in seen | set(chosen) and not own & teams)
        seen.add(event)
        teams |= own
    return number


def unlikeness(offer: Offer, places: Sequence[int]) -> float | None:
    """The mean share of attributes in which two events of a slip differ; None for fewer than two events."""
    pairs = list(combinations(places, 2))
    if not pairs:
        return None
    columns = [getattr(offer, name).codes for name in ATTRIBUTES]
    return sum(bool(codes[a] != codes[b]) for a, b in pairs for codes in columns) / (len(pairs) * len(columns))
