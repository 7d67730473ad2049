"""The current casino: the one whose rows this thread or task may read and write."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tenants.current_casino import CurrentCasino
from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.postgresql.checkout import check_in_alias

_current: ContextVar[CurrentCasino | None] = ContextVar("current_casino", default=None)


def find_current_casino() -> CurrentCasino | None:
    return _current.get()


def get_current_casino() -> CurrentCasino:
    """The current casino. Raises NoCurrentCasino."""
    casino = _current.get()
    if casino is None:
        raise NoCurrentCasino("No casino is current. Wrap the code in `with use_casino(casino): ...`.")
    return casino


@contextmanager
def use_casino(casino: CurrentCasino, *, switch: bool = False) -> Iterator[CurrentCasino]:
    """Make `casino` current inside the block; after it, the previous one is current again.

    Raises CasinoMismatch if another casino is current, unless `switch` is set. At the block's end the thread's
    connection to the casino is checked in, unless a transaction or a server-side cursor is open on it.
    The context follows asyncio tasks; other threads start without a casino.
    """
    with restore_casino():
        enter_casino(casino, switch=switch)
        yield casino


def enter_casino(casino: CurrentCasino, *, switch: bool = False) -> None:
    """Make `casino` current until the surrounding `restore_casino` block ends. Raises CasinoMismatch."""
    outer = _current.get()
    if outer is not None and outer != casino and not switch:
        raise CasinoMismatch(
            f"Casino {outer.id} is current; to enter casino {casino.id} inside it, use use_casino(.., switch=True)."
        )
    _current.set(casino)


@contextmanager
def restore_casino() -> Iterator[None]:
    """Restore the current casino at the block's end, and check in the connection to the casino entered inside.

    `enter_casino` may be called in another context than the block's, if that is copied back: under ASGI, asgiref runs
    a middleware's hooks so.
    """
    outer = _current.get()
    token = _current.set(outer)
    try:
        yield
    finally:
        entered = _current.get()
        _current.reset(token)
        if entered is not None and entered != outer:
            check_in_alias(entered.alias)
