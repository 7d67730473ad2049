"""The current casino: the one whose rows this thread or task may read and write."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

from tenants.current_casino import CurrentCasino
from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.postgresql.pool import check_in_alias

_current: ContextVar[CurrentCasino | None] = ContextVar("current_casino", default=None)
find_current_casino = _current.get


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
    token = hold_casino()
    try:
        enter_casino(casino, switch=switch)
        yield casino
    finally:
        restore_casino(token)


def enter_casino(casino: CurrentCasino, *, switch: bool = False) -> None:
    """Make `casino` current until the next `restore_casino`. Raises CasinoMismatch."""
    outer = _current.get()
    if outer is not None and outer != casino and not switch:
        raise CasinoMismatch(
            f"Casino {outer.id} is current; to enter casino {casino.id} inside it, use use_casino(.., switch=True)."
        )
    _current.set(casino)


def hold_casino() -> Token[CurrentCasino | None]:
    """A token of the current casino, for `restore_casino`."""
    return _current.set(_current.get())


def restore_casino(token: Token[CurrentCasino | None]) -> None:
    """Make the token's casino current again, and check in the connection to the casino entered since. Raises ValueError
    in another context than the token's.

    `enter_casino` may be called in a context that is copied back: under ASGI, asgiref runs the hooks of a middleware
    this way.
    """
    entered = _current.get()
    _current.reset(token)
    if entered is not None and entered != _current.get():
        check_in_alias(entered.alias)
