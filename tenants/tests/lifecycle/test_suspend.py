import pytest

from tenants.databases.locks import casino_lock
from tenants.errors import CasinoBusy, WrongState
from tenants.lifecycle.suspend import resume_casino, suspend_casino
from tenants.models import Casino, CasinoState
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user

pytestmark = pytest.mark.slow


def _status(client, casino):
    return client.get("/config", headers={"Casino-ID": str(casino.pk)}).status_code


@pytest.fixture(autouse=True)
def configured_casinos(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        casino.recommender_type, casino.recommendation_schema = "static", {"user_id": {}}
        casino.save()


def test_requests_of_a_suspended_casino_are_answered_423_until_it_is_resumed(client, casino_a, casino_b):
    suspend_casino(casino_a, reason="unpaid")
    assert (casino_a.state, casino_a.state_detail) == (CasinoState.SUSPENDED, "unpaid")
    assert (_status(client, casino_a), _status(client, casino_b)) == (423, 200)
    resume_casino(casino_a)
    assert (casino_a.state, casino_a.state_detail) == (CasinoState.ACTIVE, "")
    assert (_status(client, casino_a), _status(client, casino_b)) == (200, 200)


def test_rows_of_a_suspended_casino_stay(casino_a):
    with use_casino(casino_a.current):
        make_user("Stays")
    suspend_casino(casino_a)
    resume_casino(casino_a)
    with use_casino(casino_a.current):
        assert User.objects.get().name == "Stays"


def test_suspending_again_changes_the_reason_and_resuming_again_does_nothing(casino_a):
    suspend_casino(casino_a, reason="unpaid")
    suspend_casino(casino_a, reason="on request")
    assert (casino_a.state, casino_a.state_detail) == (CasinoState.SUSPENDED, "on request")
    resume_casino(casino_a)
    resume_casino(casino_a)
    assert casino_a.state == CasinoState.ACTIVE


@pytest.mark.parametrize("state", [state for state in CasinoState if state not in ("active", "suspended")])
def test_casino_that_is_neither_active_nor_suspended_is_refused(casino_a, state):
    Casino.objects.filter(pk=casino_a.pk).update(state=state)
    for service in (suspend_casino, resume_casino):
        with pytest.raises(WrongState, match=f"is {state}"):
            service(casino_a)
    casino_a.refresh_from_db()
    assert casino_a.state == state


def test_casino_that_another_process_works_on_is_not_suspended(casino_a, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    with casino_lock(casino_a.pk), pytest.raises(CasinoBusy, match="Another process has been working on casino 1"):
        suspend_casino(casino_a)
    casino_a.refresh_from_db()
    assert casino_a.state == CasinoState.ACTIVE
