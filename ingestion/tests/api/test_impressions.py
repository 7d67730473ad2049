"""POST /impressions: seen and clicked events, from the back end that shows recommendations."""

from uuid import UUID

import msgspec
import pytest

from ingestion.models import MessageCount
from ingestion.tests.sample_messages import impression, without
from recommendations.models import Impression
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

from .conftest import LINES, Sender


@pytest.fixture
def sender(casino_a, casino_b, settings):
    """A front end that may request recommendations; both casinos have the user 7."""
    settings.RECSYS_OPEN_API = False
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=7)
    return Sender(casino_a, "recommend")


def stored(casino):
    with use_casino(casino.current):
        rows = Impression.objects.order_by("pk")
        return [(row.recommendation_id, row.kind, row.event_id, row.placement) for row in rows]


def test_stored_impressions_are_answered_with_202(sender, casino_a, casino_b):
    response = sender.post("/impressions", [impression(), impression(kind="clicked", event_ids=[5], placement="home")])
    assert response.status_code == 202
    assert response.json()["outcomes"] == {"stored": 2}
    slip = UUID(impression()["recommendation_id"])
    assert stored(casino_a) == [(slip, "clicked", 5, "home"), (slip, "seen", 0, "")]
    assert stored(casino_b) == []


def test_an_impression_without_a_time_is_of_the_request(sender, casino_a, now):
    assert sender.outcomes("/impressions", without(impression(), "timestamp")) == ["stored"]
    with use_casino(casino_a.current):
        assert abs((Impression.objects.get().timestamp - now).total_seconds()) < 3_600


def test_the_same_again_changes_nothing(sender, casino_a):
    assert sender.outcomes("/impressions", [impression(), impression()]) == ["stored", "duplicate"]
    assert sender.outcomes("/impressions", impression(timestamp="2025-06-01T11:28:19")) == ["updated"]
    assert len(stored(casino_a)) == 1


def test_a_repeat_with_its_key_has_the_first_answer(sender, casino_a):
    first, again = (sender.post("/impressions", impression(), key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"kind": "shown"}, "unknown_value", "kind"),
        ({"recommendation_id": "7"}, "wrong_type", "recommendation_id"),
        ({"user_id": 0}, "out_of_range", "user_id"),
        ({"event_ids": [5, "x" * 129]}, "too_long", "event_ids[1]"),
        ({"event_ids": [5, 0]}, "out_of_range", "event_ids[1]"),
        ({"event_ids": list(range(1, 1_000))}, "out_of_range", "event_ids"),
        ({"placement": "two words"}, "bad_text", "placement"),
        ({"placement": "x" * 41}, "too_long", "placement"),
        ({"timestamp": "2999-01-01T00:00:00"}, "out_of_range", "timestamp"),
    ],
)
def test_a_rejected_impression_is_answered_with_207_and_the_others_are_stored(sender, casino_a, changes, code, field):
    response = sender.post("/impressions", [impression(**changes), impression()])
    assert response.status_code == 207
    [rejected, kept] = response.json()["items"]
    assert (rejected["code"], rejected["field"], kept["outcome"]) == (code, field, "stored")
    assert len(stored(casino_a)) == 1


def test_an_impression_of_an_unknown_user_is_stale(sender, casino_a):
    assert sender.outcomes("/impressions", [impression(user_id=404), impression(user_id="nobody")]) == ["stale"] * 2
    assert stored(casino_a) == []


def test_500_are_stored_and_more_are_refused(sender, casino_a):
    lines = b"\n".join(msgspec.json.encode(impression(event_ids=[number])) for number in range(1, 502))
    refused = sender.post("/impressions", lines, media_type=LINES)
    assert (refused.status_code, stored(casino_a)) == (413, [])
    assert "send at most 500" in refused.json()["error"]
    assert sender.outcomes("/impressions", lines.rpartition(b"\n")[0], media_type=LINES) == ["stored"] * 500


@pytest.mark.parametrize("name", ["own", "sportradar-uof-odds", "nothing"])
def test_there_are_no_mappings_of_impressions(sender, name):
    response = sender.post(f"/impressions?mapping={name}", impression())
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
    assert "messages of impressions have none" in response.json()["error"]


def test_a_key_for_messages_may_not_tell_what_was_seen(casino_a, sender):
    response = Sender(casino_a, "ingest").post("/impressions", impression())
    assert (response.status_code, stored(casino_a)) == (403, [])


def test_impressions_are_counted_as_messages_of_their_topic(sender, casino_a):
    sender.post("/impressions", [impression(), impression(kind="shown")])
    with use_casino(casino_a.current):
        counts = {row.outcome: row.count for row in MessageCount.objects.filter(topic="impressions")}
    assert counts == {"stored": 1, "unknown_value": 1}
