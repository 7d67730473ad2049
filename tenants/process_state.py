"""The list of all state that a process keeps between requests or messages: caches, counters, connections, threads.

Each module registers its own. A memoised function whose value depends on its arguments alone keeps no state.
"""

import gc
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessState:
    """`reset` makes the state that of a new process. It takes no lock: in a forked process, threads that do not exist
    there may hold them. `before_fork` runs in the parent, and `after_fork` in the child."""

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
    """Add a state; without `reset` it lasts from one test to the next, and without either also in forked processes.
    Raises ValueError for a registered name."""
    if name in _registered:
        raise ValueError(f"Process state {name!r} is registered already.")
    _registered[name] = ProcessState(reset, before_fork, after_fork or reset)


def registered_states() -> dict[str, ProcessState]:
    return dict(_registered)


def reset_process_state() -> None:
    """Run every `reset`: for tests, whose database transactions are rolled back."""
    for state in _registered.values():
        if state.reset is not None:
            state.reset()


def _before_fork() -> None:
    """Run every `before_fork`."""
    _run_all({name: state.before_fork for name, state in _registered.items()})


def _after_fork() -> None:
    """Run every `after_fork`: a child must not keep its parent's connections.

    The parent's objects are never collected in the child: freeing one of Kafka's clients waits for its threads, which
    do not exist here.
    """
    gc.freeze()
    _run_all({name: state.after_fork for name, state in _registered.items()})


def _run_all(hooks: dict[str, Callable[[], object] | None]) -> None:
    """Run each, even if another fails."""
    for name, hook in hooks.items():
        try:
            if hook is not None:
                hook()
        except Exception:
            logger.exception("The fork hook of the process state %r failed", name)


os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
