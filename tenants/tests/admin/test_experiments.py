"""Experiments in the admin: staff who may see their casino can read them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from tenants.models import Experiment, StaffBinding

pytestmark = pytest.mark.slow

LIST = "/admin/tenants/experiment/"
NOW = timezone.now()


def experiment(casino, name, **changes):
    values = {"definition": {"name": name, "kind": "ab"}, "salt": "", "created_at": NOW, "created_by": "ada"}
    return Experiment.objects.create(casino=casino, name=name, **values | changes)


@pytest.fixture
def page(casino_a):
    """A client of a login that may see casino A alone."""
    staff, client = User.objects.create_user("bob", is_staff=True), Client()
    staff.user_permissions.add(Permission.objects.get(codename="view_experiment"))
    StaffBinding.objects.create(user=staff).casinos.add(casino_a)
    client.force_login(staff)
    return client


def test_the_list_tells_state_and_who_did_it(admin_client, casino_a):
    experiment(casino_a, "trees", starts_at=NOW - timedelta(days=1), started_by="API key 5f1c")
    text = admin_client.get(LIST).content.decode()
    assert "trees" in text
    assert "Running" in text
    assert "API key 5f1c" in text


def test_an_experiment_can_be_read_and_neither_changed_nor_deleted(admin_client, casino_a):
    row = experiment(casino_a, "trees")
    assert "Draft" in admin_client.get(f"{LIST}{row.pk}/change/").content.decode()
    for path, code in (("add/", 403), (f"{row.pk}/delete/", 403)):
        assert admin_client.get(f"{LIST}{path}").status_code == code
    assert admin_client.post(f"{LIST}{row.pk}/change/", {"name": "other"}).status_code == 403


def test_a_bound_login_sees_its_casinos_experiments_alone(page, casino_a, casino_b):
    own, other = experiment(casino_a, "own-one"), experiment(casino_b, "other-one")
    text = page.get(LIST).content.decode()
    assert "own-one" in text
    assert "other-one" not in text
    assert page.get(f"{LIST}{own.pk}/change/").status_code == 200
    assert page.get(f"{LIST}{other.pk}/change/").status_code == 302
    assert page.get(LIST, {"casino__name": casino_b.name}).status_code in (302, 400)


@pytest.mark.parametrize(
    ("starts", "stops", "state"),
    [(None, None, "draft"), (1, None, "scheduled"), (0, None, "running"), (-2, 1, "running"), (-2, 0, "stopped")],
)
def test_the_state_follows_from_the_times(casino_a, starts, stops, state):
    times = {
        name: None if days is None else NOW + timedelta(days=days)
        for name, days in (("starts_at", starts), ("stops_at", stops))
    }
    row = experiment(casino_a, "trees", **times)
    assert row.state_at(NOW) == state
    assert Experiment.objects.live(NOW).exists() == (state in ("scheduled", "running"))


def test_names_are_a_casinos_own_and_no_experiment_ends_before_it_starts(casino_a, casino_b):
    experiment(casino_a, "trees")
    experiment(casino_b, "trees")
    for changes in ({"name": "trees"}, {"name": "other", "starts_at": NOW, "stops_at": NOW - timedelta(days=1)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            experiment(casino_a, **changes)
