"""The quality of slips: rule violations, intra-list diversity, coverage of the offer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from recommendations.offer import ATTRIBUTES, Offer

from .replayed_state import ReplayedState
from .shown_slips import ShownSlips


@dataclass(slots=True)
class SlipStatistics:
    """Statistics of slips: the numbers of selections and of `invalid` ones, the shown events, and the sum of the
    `diversity` of the `compared` slips, which have at least two events. `slips`: the slips of the test, and before it
    those to which confidence was calibrated."""

    selections: int = 0
    invalid: int = 0
    shown: set[int] = field(default_factory=set)
    diversity: float = 0.0
    compared: int = 0
    slips: ShownSlips = field(default_factory=ShownSlips)

    def add(self, events: Sequence[int], invalid: int, diversity: float | None) -> None:
        self.selections += len(events)
        self.invalid += invalid
        self.shown.update(events)
        if diversity is not None:
            self.diversity += diversity
            self.compared += 1


def count_rule_violations(state: ReplayedState, events: Sequence[int], chosen: Collection[int]) -> int:
    """The number of these events that break a rule of slips now. It uses only the history, not the slip builder's
    code."""
    history, seen, teams = state.history, set[int](), set[str]()
    violations = 0
    for event in events:
        own = {history.events.home_team.name(event), history.events.away_team.name(event)} - {""}
        is_open = history.opens_at[event] <= state.now < history.events.begins[event]
        violations += not (is_open and state.odds[event] > 1.0 and event not in seen | set(chosen) and not own & teams)
        seen.add(event)
        teams |= own
    return violations


def intra_list_diversity(offer: Offer, places: Sequence[int]) -> float | None:
    """The mean share of attributes in which two events of the slip differ; None for fewer than two events."""
    pairs = list(combinations(places, 2))
    if not pairs:
        return None
    columns = [getattr(offer, name).codes for name in ATTRIBUTES]
    return sum(bool(codes[a] != codes[b]) for a, b in pairs for codes in columns) / (len(pairs) * len(columns))
