import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tenants.current_casino import CurrentCasino
from tenants.models import Casino, CasinoDatabase, CasinoState, DatabaseServer


def test_new_casino_is_requested_and_has_no_database_and_no_configuration(db):
    casino = Casino.objects.create(id=71, name="Gamma")
    casino.refresh_from_db()
    assert (casino.state, casino.db_name, casino.is_configured) == ("requested", None, False)


def test_casino_without_a_database_cannot_become_current(db):
    with pytest.raises(ValueError, match=r"Gamma \(casino 71\) has no database yet"):
        _ = Casino(id=71, name="Gamma").current


def test_casino_becomes_current_by_its_id_and_database():
    casino = Casino(id=71, name="Gamma", db_name="casino_71", server_id="east", generation=2)
    assert casino.current == CurrentCasino(
        id=71, db_name="casino_71", server="east", generation=2, identity=casino.identity
    )
    assert casino.current.alias == "casino_71_g2"


@pytest.mark.parametrize(
    ("recommender_type", "recommendation_schema", "is_configured"),
    [("static", {"id": {}}, True), ("static", None, False), (None, {"id": {}}, False), ("", {}, False)],
)
def test_casino_is_configured_when_it_has_both_fields(recommender_type, recommendation_schema, is_configured):
    casino = Casino(recommender_type=recommender_type, recommendation_schema=recommendation_schema)
    assert casino.is_configured is is_configured


def test_only_active_casinos_are_active(casino_a):
    for number, state in enumerate(CasinoState):
        Casino.objects.create(id=100 + number, name=state, state=state, db_name=f"any_{number}", server_id="main")
    assert set(Casino.objects.active().values_list("name", flat=True)) == {"Alpha", "active"}


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"name": "Gamma", "state": CasinoState.ACTIVE}, "casino_ready_has_database"),
        ({"name": "Gamma", "state": CasinoState.SUSPENDED, "db_name": "any"}, "casino_ready_has_database"),
        ({"name": "Gamma", "state": CasinoState.MOVING, "server_id": "main"}, "casino_ready_has_database"),
        ({"name": "Alpha"}, "casino_name_unique"),
        ({"name": "Gamma", "server_id": "main", "db_name": "test_casino_1"}, "casino_database_unique"),
    ],
)
def test_catalogue_refuses_an_inconsistent_casino(casino_a, changes, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Casino.objects.create(id=71, **changes)


def test_name_of_a_deleted_casino_can_be_reused(casino_a):
    Casino.objects.filter(pk=casino_a.pk).update(state=CasinoState.DELETED, server=None, db_name=None)
    assert Casino.objects.create(id=71, name="Alpha").pk == 71
    assert [casino.pk for casino in Casino.objects.living()] == [71]


def test_two_servers_may_have_databases_of_the_same_name(casino_a):
    east = DatabaseServer.objects.create(name="east")
    Casino.objects.create(id=71, name="Gamma", server=east, db_name=casino_a.db_name)


@pytest.mark.parametrize("state", CasinoState)
def test_ready_casinos_are_those_with_a_complete_database(db, state):
    Casino.objects.create(id=71, name="Gamma", state=state, db_name="any", server_id="main")
    is_ready = state in ("active", "suspended", "moving")
    assert Casino.objects.ready().exists() is is_ready


@pytest.mark.parametrize("name", ["East", "east-2", "", "e" * 33, "east\n"])
def test_server_name_must_fit_into_the_name_of_a_variable(db, name):
    with pytest.raises(ValidationError):
        DatabaseServer(name=name).full_clean()


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"generation": 1, "db_name": "other"}, "casino_database_generation_unique"),
        ({"generation": 2, "db_name": "test_casino_1"}, "casino_database_place_unique"),
    ],
)
def test_each_database_is_recorded_once(casino_a, changes, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        CasinoDatabase.objects.create(casino=casino_a, server_id="main", **changes)
