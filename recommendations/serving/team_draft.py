"""Team draft: drafts one slip from two ranked lists, and records each event's list."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Literal, TypeVar

Team = Literal["a", "b"]
EventT = TypeVar("EventT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Pick(Generic[EventT]):
    """An event of the slip, and the list that is credited with a bet on it; None if both lists had it, or if the other
    list had no turn."""

    event: EventT
    team: Team | None


def _accept_all(slip: Sequence[EventT], event: EventT) -> bool:
    return True


def team_draft(
    ranked_a: Sequence[EventT],
    ranked_b: Sequence[EventT],
    places: int,
    coin: Callable[[], bool],
    accepts: Callable[[Sequence[EventT], EventT], bool] = _accept_all,
) -> list[Pick[EventT]]:
    """Draft at most `places` events, best first.

    A list's own slip is its first `places` events; later ones fill in. Events of both own slips come first, without a
    team. Then, in rounds, both lists pick their best remaining event; a `coin` (True: a) decides which list begins, so
    that both are equally often in each place. `accepts(slip, event)`: whether an event may join the slip so far.

    In Radlinski, Kurup, Joachims 2008, lists pick shared events too. Then the list with the shared events on top has
    fewer turns for the others, and gets less credit (docs/experiments.md).
    """
    draft = _Draft((ranked_a, ranked_b), places, accepts)
    draft.add_shared(ranked_a if coin() else ranked_b)
    while draft.has_room:
        turn: tuple[Team, Team] = ("a", "b") if coin() else ("b", "a")
        if not all(draft.next_of(team) for team in turn):
            break
        for team in turn:
            draft.pick(team)
    draft.fill_up()
    return draft.picks


class _Draft(Generic[EventT]):
    def __init__(
        self,
        lists: tuple[Sequence[EventT], Sequence[EventT]],
        places: int,
        accepts: Callable[[Sequence[EventT], EventT], bool],
    ) -> None:
        own = [frozenset(each[:places]) for each in lists]
        self._shared = own[0] & own[1]
        self._lists: dict[Team, list[EventT]] = {
            "a": [each for each in lists[0] if each not in own[1]],
            "b": [each for each in lists[1] if each not in own[0]],
        }
        self._places, self._accepts = places, accepts
        self._slip: list[EventT] = []
        self.picks: list[Pick[EventT]] = []

    @property
    def has_room(self) -> bool:
        return len(self._slip) < self._places

    def add_shared(self, ranked: Sequence[EventT]) -> None:
        for event in ranked[: self._places]:
            if event in self._shared and self._accepts(self._slip, event):
                self._add(event, None)

    def next_of(self, team: Team) -> list[EventT]:
        """The list's best event that may join, as a list of one event or none."""
        found = (each for each in self._lists[team] if each not in self._slip and self._accepts(self._slip, each))
        return list(islice(found, 1))

    def pick(self, team: Team, *, is_credited: bool = True) -> None:
        for event in self.next_of(team):
            if self.has_room:
                self._add(event, team if is_credited else None)

    def fill_up(self) -> None:
        """Fill the slip with the remaining events of one list, once the other has none."""
        while self.has_room and (self.next_of("a") or self.next_of("b")):
            self.pick("a", is_credited=False)
            self.pick("b", is_credited=False)

    def _add(self, event: EventT, team: Team | None) -> None:
        self._slip.append(event)
        self.picks.append(Pick(event, team))
