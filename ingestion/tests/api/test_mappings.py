"""POST /events?mapping=..: documents of a feed, and the outcomes of their items."""

import json
from pathlib import Path

import msgspec
import pytest
from django.db.models import Value
from django.db.models.functions import Concat, Left

from ingestion.api.documents import mapped_messages
from ingestion.models import Upload
from ingestion.tests.api.conftest import LINES, Sender
from ingestion.tests.mappings.mapping_of import mapping_of
from ingestion.tests.storing.test_mapped_messages import MAPPING, match
from recommendations.models import Event, Feed, Market, User
from recommendations.tests.factories import EventFactory
from tenants.errors import RequestTooLarge
from tenants.models import Casino
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

ANSWERS = Path(__file__).parents[1] / "provider_answers"
OWN = "/events?mapping=own"
_OUTCOMES = [{"fields": {"outcome": {"value": "HOME"}, "odd": "price"}}]
ODDS_FIELDS = {
    "event_id": "no",
    "producer": {"value": "OWN"},
    "heartbeat": "beat",
    "markets": {"fields": {"market": {"value": "1X2"}, "outcomes": _OUTCOMES}},
}


@pytest.fixture
def own(sender: Sender, casino_a: Casino) -> Sender:
    casino_a.options = {"mapping": {"events": MAPPING}}
    casino_a.save()
    return sender


def stored(casino, model=Event):
    with use_casino(casino.current):
        return set(model.objects.values_list("id", flat=True))


def test_a_document_is_read_by_the_mapping_of_the_options(own, casino_a, casino_b):
    response = own.post(OWN, {"matches": [match(1), match(2, home={})]})
    assert response.status_code == 207
    assert response.json() == {
        "outcomes": {"stored": 1, "rejected": 1},
        "items": [
            {"index": 0, "id": 1, "outcome": "stored"},
            {
                "index": 1, "id": 2, "outcome": "rejected", "code": "unmapped", "field": "home_team",
                "detail": "home_team: the value is an object",
            },
        ],
    }  # fmt: skip
    assert (stored(casino_a), stored(casino_b)) == ({1}, set())


def test_what_can_not_be_read_closes_as_from_kafka(own, casino_a):
    with use_casino(casino_a.current):
        EventFactory(id=7)
    assert own.outcomes(OWN, {"matches": [match(7, state="?")]}) == ["unknown_value"]
    with use_casino(casino_a.current):
        event = Event.objects.get(id=7)
    assert (event.status, event.is_withheld) == ("SUSPENDED", True)


def test_each_line_is_a_document(own, casino_a):
    lines = [msgspec.json.encode({"matches": [match(1), match(2)]}), b"{", msgspec.json.encode({"matches": [match(3)]})]
    assert own.outcomes(OWN, b"\n".join(lines), media_type=LINES) == ["stored", "stored", "malformed", "stored"]
    assert stored(casino_a) == {1, 2, 3}


def test_a_shipped_mapping_reads_and_removes_users(sender, casino_a):
    body = (ANSWERS / "debezium_users.ndjson").read_bytes()
    assert sender.outcomes("/users?mapping=debezium-users", body, media_type=LINES) == ["stored", "stored", "removed"]
    assert stored(casino_a, User) == {5001}


@pytest.mark.parametrize(
    ("name", "answer", "media_type"),
    [
        ("sportradar-uof-fixture", "sportradar_uof_fixture.xml", "application/xml"),
        ("football-data-co-uk", "football_data_co_uk.csv", "text/csv"),
    ],
)
def test_documents_in_xml_and_csv_need_a_mapping(sender, settings, name, answer, media_type):
    settings.EVENT_HORIZON_DAYS = 36_500
    body = (ANSWERS / answer).read_bytes()
    assert sender.post(f"/events?mapping={name}", body, media_type=media_type).status_code in (200, 207)
    response = sender.post("/events", body, media_type=media_type)
    assert response.status_code == 415
    assert "needs the parameter mapping" in response.json()["error"]


def test_many_documents_may_not_take_longer_than_one():
    """Else a casino could hold a process of all casinos for as long as it likes."""
    mapping = mapping_of("messages: events\nfields: {league: 'x[?@.a || @.b || @.c]'}")
    documents = [msgspec.json.encode({"x": [{}] * 1_000})] * 20
    with pytest.raises(RequestTooLarge, match=r"longer than 0\.03 s: send fewer documents"):
        mapped_messages(mapping, documents, max_seconds=0.03)


@pytest.mark.parametrize("body", [b"{", b"<a/>", {"matches": None}, {"matches": [5]}, {"matches": [{}] * 1_001}, b""])
def test_a_document_that_can_not_be_read_is_refused_as_a_whole(own, body):
    assert own.post(OWN, body).status_code == 400


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("mapping=api-footbal", "no 'api-footbal'; did you mean api-football?"),
        ("mapping=debezium-users", "the mapping makes messages of users, not of events"),
        ("mapping=", "this release has no ''"),
        ("mapping=own", "the casino's options have no mapping.events"),
        ("mapping=own&mapping=own", "occurs more than once"),
        ("mapping=../../x", "this release has no '../../x'"),
    ],
)
def test_an_unknown_mapping_is_an_invalid_parameter(sender, query, problem):
    response = sender.post(f"/events?{query}", {"matches": []})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
    assert problem in response.json()["error"]


def change_mapping(casino, **changes):
    casino.options = {"mapping": {"events": MAPPING | changes}}
    casino.save()


def test_a_repeat_has_the_outcomes_of_the_first_request_though_the_mapping_has_changed(own, casino_a):
    body = {"matches": [match(1), match(2, home={})], "other": []}
    first, again = (own.post(OWN, body, key="k1").json() for _ in range(2))
    assert first["items"][1].pop("detail")
    assert again == first
    change_mapping(casino_a, each="other")  # it would find no messages
    for item in first["items"]:
        item["id"] = None
    assert own.post(OWN, body, key="k1").json() == first
    assert stored(casino_a) == {1}
    assert own.post(OWN, body | {"matches": []}, key="k1").status_code == 422
    assert own.post("/events?mapping=openligadb", body, key="k1").status_code == 422


def test_a_repeat_of_what_another_release_mapped_has_the_outcomes_of_the_first_request(sender, casino_a, settings):
    settings.EVENT_HORIZON_DAYS = 36_500
    body = (ANSWERS / "openligadb.json").read_bytes()
    first = sender.outcomes("/events?mapping=openligadb", body, key="k1")
    with use_casino(casino_a.current):  # as if the former release's mapping had another text
        Upload.objects.update(digest=Concat(Left("digest", 32), Value("f" * 32)))
    assert sender.outcomes("/events?mapping=openligadb", body, key="k1") == first == ["stored"] * 4


def test_a_request_stored_in_part_is_not_continued_by_another_mapping(own, casino_a):
    body = {"matches": [match(1), match(2)]}
    assert own.outcomes(OWN, body, key="k1") == ["stored", "stored"]
    with use_casino(casino_a.current):  # as if the process had ended after the first message
        [upload] = Upload.objects.all()
        outcomes = msgspec.json.encode(json.loads(upload.outcomes) | {"items": [0]}).decode()
        Upload.objects.update(next_offset=1, outcomes=outcomes)
    change_mapping(casino_a, about="changed")
    response = own.post(OWN, body, key="k1")
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert "whose mapping has changed since" in response.json()["error"]
    change_mapping(casino_a)
    assert own.outcomes(OWN, body, key="k1") == ["stored", "updated"]


def test_without_the_parameter_messages_are_in_the_usual_format(own):
    assert own.post("/events", {"matches": [match(1)]}).json()["outcomes"] == {"rejected": 1}


def statuses(casino: Casino) -> set[str]:
    with use_casino(casino.current):
        return set(Market.objects.values_list("status", flat=True))


def test_odds_are_read_by_a_mapping(sender, casino_a, casino_b):
    path = "/odds?mapping=sportradar-uof-markets"
    uof = {each.stem: each.read_bytes() for each in (ANSWERS / "sportradar_uof").glob("*.xml")}
    assert sender.outcomes(path, uof["odds_change"], media_type="application/xml") == ["stored"]
    assert statuses(casino_a) == {"open", "suspended"}
    assert sender.outcomes(path, uof["fixture_change"], media_type="application/xml") == []
    assert sender.outcomes(path, uof["bet_stop"], media_type="application/xml") == ["stored"]
    assert (statuses(casino_a), statuses(casino_b)) == ({"suspended"}, set())
    response = sender.post(path, b"<no_such_message/>", media_type="application/xml")
    assert response.status_code == 400
    assert "no item at the paths of each: odds_change or bet_stop" in response.json()["error"]


def test_events_bring_their_markets_by_a_mapping(sender, casino_a, settings):
    settings.EVENT_HORIZON_DAYS = 36_500
    body = (ANSWERS / "the_odds_api_markets.json").read_bytes()
    assert sender.outcomes("/events?mapping=the-odds-api-markets", body) == ["stored", "stored"]
    assert statuses(casino_a) == {"open"}
    gone = body.replace(b'"bookmakers"', b'"none"')
    assert sender.outcomes("/events?mapping=the-odds-api-markets", gone) == ["updated", "updated"]
    assert statuses(casino_a) == {"closed"}


def test_a_line_of_odds_that_is_no_document_closes_what_came_before(sender, casino_a):
    casino_a.options = {"mapping": {"odds": {"messages": "odds", "fields": ODDS_FIELDS}}}
    casino_a.save()
    good = msgspec.json.encode({"no": 7, "price": 2, "beat": True})
    assert sender.outcomes("/odds?mapping=own", good, media_type=LINES) == ["stored"]
    with use_casino(casino_a.current):
        before = list(Feed.objects.values_list("valid_since", flat=True))
    assert sender.outcomes("/odds?mapping=own", b"{\n" + good, media_type=LINES)[0] == "malformed"
    with use_casino(casino_a.current):
        assert list(Feed.objects.values_list("valid_since", flat=True)) != before
