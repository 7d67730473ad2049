"""The current casino: whose rows this thread or task may touch."""

from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ParamSpec, TypeVar

from tenants.current_casino import CurrentCasino
from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.postgresql.checkout import check_in_alias

P = ParamSpec("P")
R = TypeVar("R")


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

    Raises CasinoMismatch if another casino is current already, unless `switch` says that this is meant. At the block's
    end this thread's connection to the casino is checked in, unless a transaction or a server-side cursor is open.
    The context follows asyncio tasks; threads and executors start without a casino: see `bind` and `CasinoExecutor`.
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
        if outer != casino:
            check_in_alias(casino.alias)


def bind(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, to be called in any thread or task, as if the casino that is current here and now were current there.

    A coroutine function becomes one that runs so to its end. Raises NoCurrentCasino where none is current, and
    TypeError for a generator function, whose body would run after the casino was left: bind what consumes it.
    """
    casino = get_current_casino()
    if isgeneratorfunction(function) or isasyncgenfunction(function):
        raise TypeError(f"{function.__qualname__} is a generator function; bind the function that goes through it.")
    if iscoroutinefunction(function):
        return _bind_coroutine_function(casino, function)  # type: ignore[return-value]

    @wraps(function)
    def bound(*args: P.args, **kwargs: P.kwargs) -> R:
        with use_casino(casino):
            return function(*args, **kwargs)

    return bound


def _bind_coroutine_function(
    casino: CurrentCasino, function: Callable[P, Coroutine[Any, Any, R]]
) -> Callable[P, Coroutine[Any, Any, R]]:
    @wraps(function)
    async def bound(*args: P.args, **kwargs: P.kwargs) -> R:
        with use_casino(casino):
            return await function(*args, **kwargs)

    return bound


class CasinoExecutor(ThreadPoolExecutor):
    """A thread pool whose tasks run for the casino that was current when they were submitted, or for none."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        task: Callable[..., Any] = bind(fn) if find_current_casino() is not None else fn
        return super().submit(task, *args, **kwargs)
