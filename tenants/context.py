"""The current casino: whose rows this thread or task may touch."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from .errors import CasinoMismatch, NoCurrentCasino


@dataclass(frozen=True, slots=True)
class CurrentCasino:
    """A casino as the routing sees it: its id and the name of its database."""

    id: int
    db_name: str

    @property
    def alias(self) -> str:
        """Django's alias of the database: one per database for ever, so it is never pointed elsewhere."""
        return f"casino_{self.id}"


_current: ContextVar[CurrentCasino | None] = ContextVar("current_casino", default=None)


def find_current_casino() -> CurrentCasino | None:
    return _current.get()


def get_current_casino() -> CurrentCasino:
    """The current casino; raises NoCurrentCasino where there is none."""
    casino = _current.get()
    if casino is None:
        raise NoCurrentCasino("No casino is current. Wrap the code in `with use_casino(casino): ...`.")
    return casino


@contextmanager
def use_casino(casino: CurrentCasino, *, switch: bool = False) -> Iterator[CurrentCasino]:
    """Make `casino` the current one inside the block, and what was current before current again after it.

    Raises CasinoMismatch if another casino is current already, unless `switch` says that this is meant.
    The context follows asyncio tasks; threads and executors start without a casino.
    """
    outer = _current.get()
    if outer is not None and outer != casino and not switch:
        raise CasinoMismatch(
            f"Casino {outer.id} is current; to enter casino {casino.id} inside it, say use_casino(.., switch=True)."
        )
    token = _current.set(casino)
    try:
        yield casino
    finally:
        _current.reset(token)
