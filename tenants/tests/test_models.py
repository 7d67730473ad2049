import pytest
from django.db import IntegrityError, transaction

from tenants.context import CurrentCasino
from tenants.models import Casino, CasinoState


def test_new_casino_is_requested_and_has_no_database_and_no_configuration(db):
    casino = Casino.objects.create(id=71, name="Gamma")
    casino.refresh_from_db()
    assert (casino.state, casino.db_name, casino.is_configured) == ("requested", None, False)


def test_casino_without_a_database_cannot_become_current(db):
    with pytest.raises(ValueError, match=r"Gamma \(casino 71\) has no database yet"):
        Casino(id=71, name="Gamma").current  # noqa: B018


def test_casino_becomes_current_by_its_id_and_database():
    assert Casino(id=71, name="Gamma", db_name="casino_71").current == CurrentCasino(id=71, db_name="casino_71")


@pytest.mark.parametrize(
    ("recommender_type", "recommendation_schema", "is_configured"),
    [("static", {"id": {}}, True), ("static", None, False), (None, {"id": {}}, False), ("", {}, False)],
)
def test_casino_is_configured_when_it_has_both_fields(recommender_type, recommendation_schema, is_configured):
    casino = Casino(recommender_type=recommender_type, recommendation_schema=recommendation_schema)
    assert casino.is_configured is is_configured


def test_only_active_casinos_are_active(casino_a):
    for number, state in enumerate(CasinoState):
        Casino.objects.create(id=100 + number, name=state, state=state, db_name=f"any_{number}")
    assert set(Casino.objects.active().values_list("name", flat=True)) == {"Alpha", "active"}


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"name": "Gamma", "state": CasinoState.ACTIVE}, "casino_active_has_database"),
        ({"name": "Alpha"}, "casinos_name"),
        ({"name": "Gamma", "db_name": "test_casino_1"}, "casinos_db_name"),
    ],
)
def test_catalogue_refuses_a_casino_that_contradicts_itself_or_another(casino_a, changes, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Casino.objects.create(id=71, **changes)
