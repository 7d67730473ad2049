"""All state that a process keeps is in one list."""

import gc
import os
import threading
from importlib import import_module

import pytest
from django.conf import settings

from operations import log_sampling
from tenants.postgresql.pool import POOL
from tenants.process_state import register, registered_states, reset_process_state
from tenants.tests.forked_process import exit_code

STATES = {
    "Kafka's connection errors",
    "cached API keys",
    "cached casinos",
    "cached consumer lag",
    "cached models",
    "cached offers",
    "cached trends",
    "connections to casinos",
    "database aliases of casinos",
    "embedded PostgreSQL servers",
    "kept prices",
    "migrated catalogues",
    "parsed configurations",
    "poolers that no setting names",
    "publisher of recommendations",
    "rate limit tokens",
    "readiness",
    "seen prices",
    "sampled metrics",
    "slots of requests",
    "turns of batches",
    "stalled statements and silent servers",
    "kept tallies",
    "use of API keys",
    "sampled lines of the log",
    "versions of newer releases",
    "wrong passwords",
}


def test_all_states_are_registered():
    import_module(settings.ROOT_URLCONF)
    import_module("operations.health")
    import_module("ingestion.producers.publisher")
    assert set(registered_states()) == STATES


def test_state_is_registered_once():
    with pytest.raises(ValueError, match="'cached casinos' is registered already"):
        register("cached casinos")


def test_only_the_list_has_a_hook_after_a_fork():
    folders = [
        settings.BASE_DIR / app for app in ("tenants", "recommendations", "ingestion", "operations", "dashboard")
    ]
    found = (file for folder in folders for file in folder.rglob("*.py"))
    files = [file for file in found if "tests" not in file.relative_to(settings.BASE_DIR).parts]
    assert [file.name for file in files if "os.register_at_fork" in file.read_text()] == ["process_state.py"]


@pytest.fixture
def locks():
    """(Object, attribute, lock) of each lock of a registered state."""
    owners = [getattr(state.after_fork, "__self__", None) for state in registered_states().values()]
    owners += [POOL, *log_sampling._filters]
    return [
        (owner, attribute, lock)
        for owner in owners
        for attribute, lock in getattr(owner, "__dict__", {}).items()
        if isinstance(lock, type(threading.Lock()))
    ]


def test_no_reset_waits_for_a_lock(locks):
    """After a fork, a lock that another thread of the parent held is never released."""
    assert len(locks) > 10
    held = [lock for _, _, lock in locks]
    for lock in held:
        assert lock.acquire(timeout=10)
    resetting = threading.Thread(target=reset_process_state, daemon=True)
    resetting.start()
    resetting.join(60)
    is_waiting = resetting.is_alive()
    for lock in held:
        lock.release()
    assert not is_waiting


def exit_code_of_child(run):
    """The exit status of a forked process that calls `run`: 0 if it returned a true value."""
    pid = os.fork()
    if pid == 0:
        os._exit(int(not run()))
    return exit_code(pid)


@pytest.mark.no_cover
def test_forked_process_starts_with_new_locks(locks):
    for _, _, lock in locks:
        assert lock.acquire(timeout=10)

    def are_new():
        return all(getattr(owner, attribute).acquire(blocking=False) for owner, attribute, _ in locks)

    try:
        assert exit_code_of_child(are_new) == 0
    finally:
        for _, _, lock in locks:
            lock.release()


@pytest.mark.no_cover
def test_forked_process_never_frees_what_the_parent_has_left():
    """Freeing a Kafka client waits for its threads, which do not exist in the child."""
    freed = []

    class Client:
        def __init__(self):
            self.itself = self

        def __del__(self):
            freed.append(self)

    gc.disable()
    try:
        Client()
        assert exit_code_of_child(lambda: (gc.collect(), not freed)[1]) == 0
    finally:
        gc.enable()
    gc.collect()
    assert len(freed) == 1
