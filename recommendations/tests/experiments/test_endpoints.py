"""`/experiments`: drafts are stored, started, grown and stopped; a casino sees its own alone."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.utils import timezone

from tenants.models import Experiment, Scope
from tenants.tests.api_clients import bearing, make_key

from .definitions import ab, holdout, variant


@pytest.fixture
def caller(caller_a):
    caller_a.configure("static")
    return caller_a


def started(caller, definition):
    assert caller.post("/experiments", definition).status_code == 201
    return caller.post(f"/experiments/{definition['name']}/start")


def test_an_experiment_is_a_draft_then_running_then_stopped(caller, casino_a):
    created = caller.post("/experiments", ab(traffic=0.4)).json()
    assert (created["state"], created["starts_at"], created["enrolled_traffic"]) == ("draft", None, 0)
    assert created["created_by"] == "anyone (open installation)"
    running = caller.post("/experiments/trees/start").json()
    assert (running["state"], running["stops_at"], running["enrolled_traffic"]) == ("running", None, 0.4)
    casino_a.refresh_from_db()
    assert [each["name"] for each in casino_a.running_experiments] == ["trees"]
    assert caller.post("/experiments/trees/stop").json()["state"] == "stopped"
    casino_a.refresh_from_db()
    assert casino_a.running_experiments is None
    assert caller.get("/experiments/trees").json()["state"] == "stopped"


def test_the_list_has_the_latest_first_with_their_definitions(caller):
    for name in ("first", "second"):
        caller.post("/experiments", ab(name))
    listed = caller.get("/experiments").json()["experiments"]
    assert [each["name"] for each in listed] == ["second", "first"]
    assert listed[0]["definition"] == ab("second")


def test_a_draft_is_replaced_and_a_started_experiment_is_not(caller):
    caller.post("/experiments", ab(traffic=0.1))
    assert started(caller, ab(traffic=0.2)).json()["enrolled_traffic"] == 0.2
    again = caller.post("/experiments", ab())
    assert (again.status_code, again.json()["code"]) == (409, "experiment_conflict")
    assert "is running and can't be changed: use another name" in again.json()["error"]


@pytest.mark.parametrize("change", ["start", "stop", "grow"])
def test_an_unknown_experiment_gets_404(caller, change):
    answer = caller.post(f"/experiments/nothing/{change}", {"traffic": 0.5} if change == "grow" else None)
    assert (answer.status_code, answer.json()["code"]) == (404, "experiment_not_found")
    assert caller.get("/experiments/nothing").status_code == 404


def test_an_experiment_starts_once_and_stops_once(caller):
    caller.post("/experiments", ab())
    assert caller.post("/experiments/trees/stop").json()["error"].endswith("is not running: its state is draft")
    assert caller.post("/experiments/trees/start").status_code == 200
    assert caller.post("/experiments/trees/start").json()["error"].endswith("was started before: its state is running")
    caller.post("/experiments/trees/stop")
    for change in ("start", "stop"):
        assert caller.post(f"/experiments/trees/{change}").status_code == 409


def test_a_scheduled_experiment_can_be_stopped_before_it_begins(caller):
    begin = timezone.now() + timedelta(days=1)
    scheduled = started(caller, ab(starts_at=begin.isoformat())).json()
    assert (scheduled["state"], scheduled["enrolled_traffic"]) == ("scheduled", 1.0)
    assert caller.post("/experiments/trees/stop").json()["state"] == "stopped"


def test_an_experiment_whose_end_is_over_does_not_start_and_frees_its_users(caller):
    over = timezone.now() - timedelta(seconds=1)
    refused = started(caller, ab(stops_at=over.isoformat()))
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_experiment")
    started(caller, ab("first", stops_at=(timezone.now() + timedelta(days=1)).isoformat()))
    assert started(caller, ab("second")).status_code == 409
    Experiment.objects.filter(name="first").update(starts_at=over, stops_at=over)
    assert started(caller, ab("second")).status_code == 200


def test_nobody_takes_part_in_two_experiments(caller):
    assert started(caller, holdout(traffic=0.1)).status_code == 200
    assert started(caller, ab(traffic=0.6)).status_code == 200
    refused = started(caller, ab("more", traffic=0.4))
    assert (refused.status_code, refused.json()["error"]) == (
        409,
        "40.00% of the users are needed, and only 30.00% take part in no other experiment: lower the traffic, or stop "
        "another experiment",
    )
    ranges = dict(Experiment.objects.values_list("name", "ranges"))
    assert ranges == {"nothing": [[9_000, 10_000]], "trees": [[0, 6_000]], "more": []}


def test_traffic_may_only_grow(caller):
    started(caller, ab(traffic=0.1))
    started(caller, ab("other", traffic=0.2))
    grown = caller.post("/experiments/trees/grow", {"traffic": 0.5}).json()
    assert (grown["enrolled_traffic"], grown["definition"]["traffic"]) == (0.5, 0.5)
    assert Experiment.objects.get(name="trees").ranges == [[0, 1_000], [3_000, 7_000]]
    refused = caller.post("/experiments/trees/grow", {"traffic": 0.4})
    assert (refused.status_code, refused.json()["error"]) == (
        409, "The traffic of trees (casino 1) is 0.5: it may only grow, not to 0.4"
    )  # fmt: skip
    for wrong in (True, "0.6", None, 0, 2):
        assert caller.post("/experiments/trees/grow", {"traffic": wrong}).json()["code"] == "invalid_experiment"


def test_a_casino_without_a_configuration_can_not_start_one(caller_a):
    assert started(caller_a, ab()).json()["code"] == "casino_not_configured"


def test_invalid_definitions_and_misspelled_fields_get_400(caller):
    wrong = caller.post("/experiments", ab(variants=[variant("one", 0.5), variant("two", 0.4)]))
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_experiment")
    assert "did you mean traffic?" in caller.post("/experiments", {**ab(), "trafic": 1}).json()["error"]
    assert caller.post("/experiments/trees/start", {"now": 1}).json()["code"] == "invalid_parameter"


def test_another_casino_neither_sees_nor_stops_it(caller, caller_b):
    started(caller, ab())
    assert caller_b.get("/experiments").json() == {"experiments": []}
    assert caller_b.get("/experiments/trees").status_code == 404
    assert caller_b.post("/experiments/trees/stop").status_code == 404
    caller_b.configure("static")
    assert started(caller_b, ab()).status_code == 200
    assert Experiment.objects.count() == 2


def test_the_schema_of_a_definition_needs_no_casino():
    assert Client().get("/experiments/definition.schema.json").json()["$defs"]["Definition"]["required"] == [
        "name", "kind", "variants"
    ]  # fmt: skip


def test_a_key_needs_the_scope_configure_and_is_named_in_the_experiment(settings, casino_a, caller):
    settings.RECSYS_OPEN_API = False
    recommending, configuring = (make_key(casino_a, scope) for scope in (Scope.RECOMMEND, Scope.CONFIGURE))

    def create(key):
        return Client().post("/experiments", ab(), "application/json", headers=bearing(key.text))

    assert (create(recommending).status_code, create(recommending).json()["code"]) == (403, "scope_missing")
    assert create(configuring).json()["created_by"] == f"API key {configuring.row.prefix}"


def test_staff_need_the_permission_to_change_the_casino(settings, casino_a, caller):
    settings.RECSYS_OPEN_API = False
    staff, client = User.objects.create_user("ada", is_staff=True), Client()
    client.force_login(staff)

    def create():
        headers = {"Casino-ID": str(casino_a.pk)}
        return client.post("/experiments", ab(), "application/json", headers=headers)

    assert create().json()["code"] == "permission_denied"
    staff.user_permissions.add(Permission.objects.get(codename="change_casino"))
    assert create().json()["created_by"] == "login ada"


def test_starting_takes_this_many_queries(caller, django_assert_num_queries):
    caller.post("/experiments", ab())
    with django_assert_num_queries(9, connection=connections["default"]):
        assert caller.post("/experiments/trees/start").status_code == 200


def test_a_report_tells_what_an_experiment_has_shown(caller):
    started(caller, ab())
    answer = caller.get("/experiments/trees/report")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["state"], found["days"], found["users"]) == ("running", 1, {"control": 0, "soon": 0})
    assert [(each["variant"], each["verdict"], each["estimate"]) for each in found["variants"]] == [
        ("soon", "undecided", None)
    ]


def test_a_report_of_a_draft_or_of_another_casinos_experiment_is_refused(caller, caller_b):
    caller.post("/experiments", ab())
    refused = caller.get("/experiments/trees/report")
    assert (refused.status_code, refused.json()["code"]) == (409, "experiment_conflict")
    unknown = caller_b.get("/experiments/trees/report")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "experiment_not_found")
