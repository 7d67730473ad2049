"""All state that a process keeps is in one list."""

import os
from importlib import import_module

import pytest
from django.conf import settings

from tenants.access.key_usage import key_usage
from tenants.process_state import register, registered_states

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


@pytest.mark.no_cover
def test_forked_process_starts_with_new_locks():
    with key_usage._guard:
        pid = os.fork()
        if pid == 0:
            os._exit(int(key_usage._guard.locked()))
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
