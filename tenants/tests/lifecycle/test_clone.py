import pytest

from tenants.databases.locks import casino_lock
from tenants.errors import CasinoBusy, ProvisioningFailed, WrongState
from tenants.lifecycle.clone import clone_casino
from tenants.lifecycle.create import create_casino, provision
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.suspend import suspend_casino
from tenants.models import Casino, CasinoDatabase, CasinoState
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import make_event, offer_version
from tenants.tests.casinos import add_user, catalogue_refusing, databases_on, users_of


@pytest.fixture
def gamma(real_databases):
    casino = create_casino("Gamma")
    add_user(casino, "Ada")
    Casino.objects.filter(pk=casino.pk).update(recommender_type="static", recommendation_schema={"id": {}})
    casino.refresh_from_db()
    return casino


def test_clone_has_the_rows_and_the_configuration_and_shares_nothing_afterwards(gamma):
    copy = clone_casino(gamma, "Copy")
    assert (copy.state, copy.recommender_type, copy.recommendation_schema) == ("active", "static", {"id": {}})
    assert copy.copied_from == gamma
    assert copy.identity != gamma.identity
    assert copy.schema_version == gamma.schema_version
    add_user(copy, "Only in the copy")
    add_user(gamma, "Only in Gamma")
    assert users_of(copy) == ["Ada", "Only in the copy"]
    assert users_of(gamma) == ["Ada", "Only in Gamma"]


def test_clone_has_the_triggers_too(gamma):
    with use_casino(clone_casino(gamma, "Copy").current):
        before = offer_version()
        make_event()
        assert offer_version() > before


def test_clone_may_be_on_another_server(gamma, second_server):
    copy = clone_casino(gamma, "Copy", server="east")
    assert copy.server == second_server
    assert databases_on("east") == {copy.db_name}
    assert users_of(copy) == ["Ada"]


def test_suspended_casino_can_be_cloned_and_the_clone_is_active(gamma):
    suspend_casino(gamma)
    copy = clone_casino(gamma, "Copy")
    gamma.refresh_from_db()
    assert (gamma.state, copy.state) == ("suspended", "active")


def test_clone_that_failed_is_finished_by_the_same_call(gamma):
    with catalogue_refusing("NEW.state = 'active'"), pytest.raises(ProvisioningFailed, match="the disk is full"):
        clone_casino(gamma, "Copy")
    unfinished = Casino.objects.get(name="Copy")
    assert unfinished.state == CasinoState.FAILED
    add_user(gamma, "Since then")
    assert clone_casino(gamma, "Copy") == unfinished
    assert users_of(unfinished) == ["Ada", "Since then"]
    assert databases_on() == {gamma.db_name, f"test_casino_{unfinished.pk}"}


def test_complete_clone_is_not_changed(gamma):
    copy = clone_casino(gamma, "Copy")
    add_user(copy, "Stays")
    assert clone_casino(gamma, "Copy") == copy
    assert users_of(copy) == ["Ada", "Stays"]


def test_name_of_a_casino_that_is_no_copy_is_refused(gamma):
    delta = create_casino("Delta")
    with pytest.raises(WrongState, match=r"A casino named 'Delta' already exists and is not a copy of Gamma"):
        clone_casino(gamma, "Delta")
    assert users_of(delta) == []


@pytest.mark.parametrize("state", [CasinoState.CREATING, CasinoState.DELETING, CasinoState.MOVING])
def test_casino_without_a_complete_database_is_not_cloned(gamma, state):
    Casino.objects.filter(pk=gamma.pk).update(state=state)
    with pytest.raises(WrongState, match=f"is {state}; it must be active or suspended"):
        clone_casino(gamma, "Copy")
    assert not Casino.objects.filter(name="Copy").exists()


def test_casino_that_another_process_works_on_is_not_cloned(gamma, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    with casino_lock(gamma.pk), pytest.raises(CasinoBusy):
        clone_casino(gamma, "Copy")
    assert not Casino.objects.filter(name="Copy").exists()


def test_unfinished_clone_of_a_deleted_casino_says_so(gamma):
    with catalogue_refusing("NEW.state = 'active'"), pytest.raises(ProvisioningFailed):
        clone_casino(gamma, "Copy")
    delete_casino(gamma, backup=False)
    copy = Casino.objects.get(name="Copy")
    with pytest.raises(ProvisioningFailed, match=r"Gamma .* is deleted"):
        provision(copy)
    assert (copy.state, "is deleted" in copy.state_detail) == (CasinoState.FAILED, True)
    delete_casino(copy)
    assert databases_on() == set()
    assert not CasinoDatabase.objects.exists()
