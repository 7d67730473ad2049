import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test.utils import CaptureQueriesContext

from recommendations.services import configure
from tenants.models import Casino

from .conftest import HOSTILE, SCHEMA, staff_client, text_of

URL = "/casinos/1/configuration/"
OTHER = {"customer": {"type": "string", "source_field": "user_id"}}


def fields(client, **changes):
    """The fields that a browser would send of the unchanged form."""
    form = client.get(URL).context["form"]
    values = {name: form[name].value() or "" for name in form.fields}
    return values | {name: value if isinstance(value, str) else json.dumps(value) for name, value in changes.items()}


def post(client, button, **changes):
    return client.post(URL, fields(client, **changes) | {button: "1"}, follow=True)


def configuration(pk=1):
    casino = Casino.objects.get(pk=pk)
    return casino.recommender_type, casino.recommendation_schema, casino.options


def test_form_starts_with_the_stored_configuration_and_its_response(staff, filled):
    page = staff.get(URL)
    assert page.context["form"]["recommender_type"].value() == "inference_score"
    assert json.loads(page.context["form"]["recommendation_schema"].value()) == SCHEMA
    answer = json.loads(page.context["preview"]["answer"])
    assert (answer["who"], len(answer["bets"])) == (1, 3)


def test_preview_shows_the_new_response_and_stores_nothing(staff, filled):
    before = configuration()
    page = post(staff, "preview", recommender_type="static", recommendation_schema=OTHER, user_id="2")
    assert json.loads(page.context["preview"]["answer"]) == {"customer": "2"}
    assert configuration() == before


def test_saving_changes_this_casino_alone_and_its_api_responses(staff, filled):
    other = configuration(2)
    page = post(staff, "save", recommender_type="static", recommendation_schema=OTHER, options={"event_limit": 2})
    assert "is saved" in page.content.decode()
    assert configuration() == ("static", OTHER, {"event_limit": 2})
    assert configuration(2) == other
    assert staff.get("/recommend/3", headers={"Casino-ID": "1"}).json() == {"customer": "3"}


def test_saving_is_logged_with_the_staff_login(staff, filled):
    post(staff, "save", recommender_type="static")
    [entry] = LogEntry.objects.all()
    assert (entry.object_id, entry.user.username) == ("1", "staff")
    assert "inference_score to static" in entry.change_message


@pytest.mark.covered
def test_empty_options_reset_all_options(staff, filled):
    post(staff, "save", options={"event_limit": 2})
    assert configuration()[2] == {"event_limit": 2}
    post(staff, "save", options="")
    assert configuration()[2] is None


def test_configuration_changed_by_somebody_else_is_not_overwritten(staff, filled, casino_a, now):
    loaded = fields(staff, recommender_type="static")
    configure(
        casino=casino_a, recommender_type="trending", recommendation_schema=SCHEMA, now=now + timedelta(seconds=1)
    )
    page = staff.post(URL, loaded | {"save": "1"})
    assert "Somebody else changed" in page.content.decode()
    assert page.context["form"]["recommender_type"].value() == "static"  # the input is still there
    assert configuration()[0] == "trending"
    assert not LogEntry.objects.exists()


ERRORS = [  # (field, value, part of the message)
    ("recommender_type", "magic", "magic is not one of the available choices"),
    ("recommendation_schema", "", "required"),
    ("recommendation_schema", "{", "Not JSON: line 1"),
    ("recommendation_schema", "{}", "at least one"),
    ("recommendation_schema", "null", "must be an object"),
    ("recommendation_schema", "[1]", "must be an object"),
    ("recommendation_schema", '{"a": NaN}', "Not JSON"),
    ("recommendation_schema", "[" * 90_000, "Not JSON"),
    ("recommendation_schema", '{"a": ' + "9" * 5_000 + "}", "Not JSON"),
    ("recommendation_schema", '{"\\ud800": "int"}', "Not JSON"),
    ("recommendation_schema", " " * 5 + "x" * 100_001, "at most 100000 characters"),
    ("recommendation_schema", '{"who": "user"}', "unknown type"),
    ("recommendation_schema", '{"who": {"type": "uuid", "source_field": "stake"}}', "can&#x27;t be given the type"),
    ("options", '{"event_limit": 0}', "event_limit"),
    ("options", '{"nothing": 1}', "nothing"),
    ("options", '{"\\ud800": 1}', "Not JSON"),
    ("options", '{"fallbacks": ["magic"]}', "magic"),
    ("options", "{'a': 1}", "Not JSON"),
    ("user_id", "1.0", "Enter an id"),
    ("user_id", "+1", "Enter an id"),
    ("user_id", "9" * 129, "at most 128 characters"),
]


@pytest.mark.parametrize("button", ["save", "preview"])
def test_errors_are_shown_at_their_fields_and_nothing_is_stored(staff, filled, button):
    before = configuration()
    for field, value, message in ERRORS:
        page, case = post(staff, button, **{field: value}), (field, value[:50])
        assert page.status_code == 200, case
        assert list(page.context["form"].errors) == [field], case
        content = page.content.decode()
        assert message in content.split(f'id="id_{field}_error"')[1].split("</div>")[0], case
        assert 'aria-invalid="true"' in content, case
        assert "Correct the errors" in content, case
        assert configuration() == before, case


@pytest.mark.covered
def test_hostile_input_is_escaped(staff, filled):
    page = post(staff, "preview", recommendation_schema=json.dumps({HOSTILE: "int"}), options=HOSTILE)
    content = page.content.decode()
    assert "&lt;script&gt;alert(1)" in content
    assert HOSTILE not in content
    named = post(staff, "preview", recommendation_schema={f"</code>{HOSTILE}": OTHER["customer"]}).content.decode()
    assert HOSTILE not in named


def test_form_of_an_unconfigured_casino_starts_with_the_contracts_fields(staff, casino_a):
    page = staff.get(URL)
    assert json.loads(page.context["form"]["recommendation_schema"].value())["stake"]["type"] == "float"
    assert "Enter a user&#x27;s id" in page.content.decode()
    post(staff, "save")
    assert configuration()[0] == "hybrid"


def test_unknown_user_has_no_preview(staff, filled):
    assert "has no user 99" in post(staff, "preview", user_id="99").content.decode()


def test_casino_with_an_unavailable_database_can_be_configured(staff, filled):
    Casino.objects.filter(pk=1).update(schema_version="older")
    assert "is not migrated" in post(staff, "preview", user_id="1").content.decode()
    post(staff, "save", recommender_type="static")
    assert configuration()[0] == "static"


@pytest.mark.covered
def test_preview_takes_a_fixed_number_of_queries(staff, filled):
    loaded = fields(staff) | {"preview": "1"}
    staff.post(URL, loaded)
    with (
        CaptureQueriesContext(connections["casino_1"]) as queries,
        CaptureQueriesContext(connections["casino_2"]) as others,
    ):
        staff.post(URL, loaded)
    assert (len(queries), len(others)) == (4, 0)  # savepoint, statement timeout, the engine's one, release


def test_reference_lists_every_source_field_and_option(staff, casino_a):
    page = text_of(staff, URL)
    for name in ("potential_return", "begin_timestamp", "max_per_league", "minimum_age"):
        assert f"<code>{name}</code>" in page


def test_staff_without_permission_to_change_casinos_can_not_configure_them(filled):
    viewer = staff_client("tenants.view_casino")
    before = configuration()
    assert viewer.get(URL).status_code == 403
    assert viewer.post(URL, {"save": "1", "recommender_type": "static"}).status_code == 403
    assert "/configuration/" not in text_of(viewer, "/casinos/1/")
    assert configuration() == before
    assert staff_client("tenants.change_casino").get(URL).status_code == 200


def test_form_of_another_site_is_rejected(filled):
    client = staff_client("tenants.change_casino")
    client.handler.enforce_csrf_checks = True
    assert client.post(URL, {"save": "1"}).status_code == 403
