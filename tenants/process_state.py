"""The list of all state that a process keeps between requests or messages: caches, counters, connections, threads.

Each module registers its own state. A memoised function whose value depends on its arguments alone has none.
"""

import gc
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessState:
    """`reset` makes the state that of a new process. It takes no lock: in a forked process, a thread that does not
    exist there may hold it. `before_fork` runs in the parent, and `after_fork` in the child."""

    reset: Callable[[], object] | None
    before_fork: Callable[[], object] | None
    after_fork: Callable[[], object] | None


logger = logging.getLogger(__name__)

_registered: dict[str, ProcessState] = {}


def register(
    name: str,
    *,
    reset: Callable[[], object] | None = None,
    before_fork: Callable[[], object] | None = None,
    after_fork: Callable[[], object] | None = None,
) -> None:
    """Register a state. Without `reset` it lasts from one test to the next; without `reset` and `after_fork` it also
    lasts in forked processes. Raises ValueError if the name is registered."""
    if name in _registered:
        raise ValueError(f"Process state {name!r} is registered already.")
    _registered[name] = ProcessState(reset, before_fork, after_fork or reset)


def registered_states() -> dict[str, ProcessState]:
    return dict(_registered)


def reset_process_state() -> None:
    """Run every `reset`. For tests, whose database transactions are rolled back."""
    for state in _registered.values():
        if state.reset is not None:
            state.reset()


def _before_fork() -> None:
    _run_all({name: state.before_fork for name, state in _registered.items()})


def _after_fork() -> None:
    """Run every `after_fork`: a child must not keep its parent's connections.

    Freezes the parent's objects, so that the child never collects them: freeing a Kafka client waits for its threads,
    which the child does not have.
    """
    gc.freeze()
    _run_all({name: state.after_fork for name, state in _registered.items()})


def _run_all(hooks: dict[str, Callable[[], object] | None]) -> None:
    """Run each hook, even if another fails."""
    for name, hook in hooks.items():
        try:
            if hook is not None:
                hook()
        except Exception:
            logger.exception("The fork hook of the process state %r failed", name)


os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
