"""`PATCH /config`: a JSON merge patch of a casino's configuration; and what a POST with `options` resets."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from recommendations.services import patch_configuration
from recommendations.serving.output_schema import DEFAULT_SCHEMA, schema_as_json
from recommendations.storing import store_events, store_users
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import event_row, user_row
from recommendations.tests.threads import THREADS, run_threads
from tenants.access.api_keys import issue_key
from tenants.models import Scope
from tenants.routing.context import use_casino

OPTIONS = {
    "event_limit": 5,
    "max_stakes": {"EUR": 10, "GBP": 20},
    "blocked": {"teams": ["ARSENAL"], "sports": ["GOLF"]},
    "status_words": {"events": {"verlegt": "SUSPENDED"}},
    "mapping": {"events": "openligadb", "users": "debezium-users"},
}


@pytest.fixture
def configured(caller_a, example_configuration):
    assert caller_a.post("/config", {**example_configuration, "options": OPTIONS}).status_code == 200
    return caller_a


def stored(casino):
    casino.refresh_from_db()
    return casino.options


def test_a_patch_changes_what_it_names_and_leaves_the_rest(configured, casino_a, example_configuration):
    answer = configured.patch("/config", {"options": {"live_events": True, "blocked": {"teams": ["LEEDS"]}}})
    assert answer.status_code == 200
    config = answer.json()["config"]
    assert answer.json() == {
        "message": "Configuration successfully saved!",
        "recommender_type": "inference",
        "recommendation_schema": example_configuration["recommendation_schema"],
        "config": config,
    }
    expected = {"live_events": True, "blocked": {"teams": ["LEEDS"], "sports": ["GOLF"]}}
    assert stored(casino_a) == {**OPTIONS, **expected}


@pytest.mark.covered
@pytest.mark.parametrize(
    ("patch", "reset", "left"),
    [
        ({"event_limit": None}, ["event_limit"], {"event_limit": None}),
        ({"blocked": {"sports": None}}, ["blocked.sports"], {"blocked": {"teams": ["ARSENAL"]}}),
        ({"max_stakes": {"eur": None}}, ["max_stakes.EUR"], {"max_stakes": {"GBP": 20}}),
        ({"status_words": {"events": {"Ver-legt": None}}}, ["status_words.events"], {"status_words": {}}),
        ({"mapping": {"users": None}}, ["mapping.users"], {"mapping": {"events": "openligadb"}}),
        (None, list(OPTIONS), dict.fromkeys(OPTIONS)),
    ],
)
def test_null_resets_an_option_to_its_default(configured, casino_a, patch, reset, left):
    answer = configured.patch("/config", {"options": patch})
    assert (answer.status_code, sorted(answer.json()["reset_options"])) == (200, sorted(reset))
    expected = {name: value for name, value in (OPTIONS | left).items() if value is not None}
    assert (stored(casino_a) or {}) == expected


def test_an_entry_in_another_form_is_the_same_entry(configured, casino_a):
    patch = {"max_stakes": {"eur": 11}, "status_words": {"events": {"VERLEGT": "cancelled"}}}
    assert configured.patch("/config", {"options": patch}).status_code == 200
    assert stored(casino_a)["max_stakes"] == {"EUR": 11, "GBP": 20}
    assert stored(casino_a)["status_words"] == {"events": {"verlegt": "CANCELLED"}}


def test_fields_of_the_schema_are_merged_and_keep_their_places(configured, casino_a):
    schema = {"bet": {"type": "string"}, "time": None, "currency": "string", "events": {"fields": {"odd": "float"}}}
    answer = configured.patch("/config", {"recommendation_schema": schema})
    assert answer.json()["recommendation_schema"] == {
        "user_id": {"type": "int", "source_field": "id"},
        "bet": {"type": "string", "source_field": "stake"},
        "events": {
            "type": "list",
            "source_field": "recommended_events",
            "fields": {"odd": {"type": "float", "source_field": "odd"}},
        },
        "currency": {"type": "string", "source_field": "currency"},
    }
    assert list(answer.json()["recommendation_schema"]) == ["user_id", "bet", "events", "currency"]
    assert stored(casino_a) == OPTIONS


def test_a_recommender_alone_can_be_changed(configured, casino_a):
    answer = configured.patch("/config", {"recommender_type": "static"}, "application/merge-patch+json")
    assert answer.json()["recommender_type"] == "static"
    assert stored(casino_a) == OPTIONS


def test_an_option_can_be_changed_while_the_stored_schema_fits_the_ids_no_more(configured, casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id="sr:user:1")])
    assert configured.patch("/config", {"options": {"event_limit": 6}}).status_code == 200
    answer = configured.patch("/config", {"recommendation_schema": {"user_id": {"type": "int"}}})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_configuration")


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"recommender_type": None}, "invalid_configuration"),
        ({"recommender_type": "oracle"}, "invalid_configuration"),
        ({"recommendation_schema": None}, "invalid_configuration"),
        ({"recommendation_schema": dict.fromkeys(["user_id", "bet", "time", "events"])}, "invalid_configuration"),
        ({"recommendation_schema": "int"}, "invalid_configuration"),
        ({"recommendation_schema": {"x": "int"}}, "invalid_configuration"),
        ({"options": {"event_limit": 99}}, "invalid_configuration"),
        ({"options": {"nothing": None, "event_limits": 3}}, "invalid_configuration"),
        ({"options": []}, "invalid_configuration"),
        ({"options": {"max_stakes": {"EUR": "1_0"}}}, "invalid_configuration"),
        ({"options": {"blocked": {"teams": {"deep": {"er": {"still": None}}}}}}, "invalid_configuration"),
        ({"option": {"event_limit": 3}}, "invalid_parameter"),
    ],
)  # fmt: skip
def test_a_refused_patch_changes_nothing(configured, patch, code):
    before = configured.get("/config").json()
    answer = configured.patch("/config", patch)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert configured.get("/config").json() == before


def test_options_alone_configure_no_casino(caller_a, example_configuration):
    answer = caller_a.patch("/config", {"options": {"event_limit": 5}})
    assert answer.status_code == 400
    assert answer.json()["error"] == "Both recommender_type and recommendation_schema are required"
    assert caller_a.patch("/config", example_configuration).status_code == 200
    assert caller_a.get("/config").json()["recommendation_schema"] == example_configuration["recommendation_schema"]


def test_a_recommender_alone_configures_a_new_casino_with_the_default_schema(caller_a, casino_a):
    answer = caller_a.patch("/config", {"recommender_type": "static"})
    assert answer.status_code == 200
    assert answer.json()["recommendation_schema"] == schema_as_json(DEFAULT_SCHEMA)
    with use_casino(casino_a.current):
        store_users([user_row(id="sr:user:1")])
        store_events([event_row(id="sr:match:7")])
    [event] = caller_a.get("/recommend/sr:user:1").json()["recommended_events"]
    assert event["event_id"] == "sr:match:7"


def test_a_post_needs_a_schema_as_in_the_contract(caller_a):
    answer = caller_a.post("/config", {"recommender_type": "static"})
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "Both recommender_type and recommendation_schema are required",
    )


def test_another_casinos_configuration_stays(configured, caller_b, example_configuration):
    caller_b.post("/config", {**example_configuration, "options": {"event_limit": 2}})
    configured.patch("/config", {"options": {"event_limit": 7}})
    assert caller_b.get("/config").json()["options"]["event_limit"] == 2


@pytest.mark.parametrize(("scopes", "status"), [([Scope.CONFIGURE], 200), ([Scope.RECOMMEND], 403)])
def test_a_key_needs_the_scope_configure(configured, casino_a, settings, scopes, status):
    settings.RECSYS_OPEN_API = False
    issued = issue_key(casino_a, name="back end", scopes=scopes, by="tests")
    headers = {"Authorization": f"Api-Key {issued.text}"}
    answer = Client().patch("/config", {"options": {"event_limit": 4}}, "application/json", headers=headers)
    assert answer.status_code == status


def test_the_casinos_history_names_the_staff_who_patched_it(configured, settings, django_user_model):
    settings.RECSYS_OPEN_API = False
    client = Client()
    client.force_login(django_user_model.objects.create_user("ada", is_staff=True))
    body, headers = {"recommender_type": "static"}, {"Casino-ID": "1"}
    assert client.patch("/config", body, "application/json", headers=headers).status_code == 403
    client.force_login(django_user_model.objects.create_superuser("boss", password="x"))
    assert client.patch("/config", body, "application/json", headers=headers).status_code == 200
    assert LogEntry.objects.get().get_change_message() == "Configured: recommender inference to static."


def test_a_post_with_options_says_which_it_resets(configured, example_configuration):
    body = {**example_configuration, "options": {"event_limit": 5, "blocked": {"teams": ["ARSENAL"]}}}
    expected = ["blocked.sports", "mapping", "max_stakes", "status_words"]
    assert sorted(configured.post("/config", body).json()["reset_options"]) == expected
    assert "reset_options" not in configured.post("/config", body).json()


def test_a_post_without_options_answers_as_the_original_service(configured, casino_a, example_configuration):
    answer = configured.post("/config", example_configuration).json()
    assert list(answer) == ["message", "recommender_type", "recommendation_schema", "config"]
    assert stored(casino_a) == OPTIONS


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_patches_at_once_are_all_merged(configured, casino_a):
    def patch(number):
        options = {"default_stakes": {f"AA{number}": 1}}
        patch_configuration(casino=casino_a, patch={"options": options}, now=timezone.now())

    configured.patch("/config", {"options": {"catalogue": {"currency_decimals": {f"AA{n}": 2 for n in range(THREADS)}},
                                             "default_stakes": {f"AA{n}": 2 for n in range(THREADS)}}})  # fmt: skip
    run_threads(casino_a, patch)
    assert stored(casino_a)["default_stakes"] == {f"AA{number}": 1 for number in range(THREADS)}


def test_a_merge_patch_that_is_posted_is_refused(configured):
    headers = {"Casino-ID": "1"}
    answer = Client().post("/config", {"options": {}}, "application/merge-patch+json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
