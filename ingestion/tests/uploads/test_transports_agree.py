"""The same messages through each transport leave the same rows."""

from typing import Any

import msgspec
import pytest
from django.core.management import call_command

from ingestion.tests.api.conftest import LINES, Sender
from ingestion.tests.decoded_messages import decoded_messages
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, event, user, without
from ingestion.tests.storing.test_ledger import store
from ingestion.topics import COUPONS, EVENTS, TOPICS, USERS
from recommendations.models import Event, PurchasedCoupon, TextId, User, UserProfile
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow, pytest.mark.covered]

AT = "2025-06-01T11:28:20Z"
LATER = "2025-06-02T11:28:20Z"
MESSAGES: dict[str, list[Any]] = {
    EVENTS.name: [
        event(id=1, timestamp=AT),
        event(id=2, timestamp=AT, sport="tennis", home_team="HULL"),
        event(timestamp=AT, home_team="NAMED BY ITS TEAMS"),
        {"id": 1, "status": "settled", "odd": "x", "timestamp": LATER},
        without(event(id=9, timestamp=AT), "sport"),
        {"id": 1, "odd": 3, "timestamp": LATER},
    ],
    COUPONS.name: [coupon(id=1), coupon(id=1, stake=3), coupon(id=2, user_id=8), coupon(id=3, stake="x")],
    USERS.name: [
        user(id=7),
        user(id=8, name="Zoë"),
        user(id=9, status="time_out", birth_year="?"),
        {"id": 7, "status": "self_excluded", "timestamp": LATER},
    ],
}
EVERY = [Event, User, UserProfile, PurchasedCoupon]

_VARYING = {"_state", "id", "stored_at"}  # a sequence's number, and the clock


def by_kafka(casino, topic, messages):
    store(casino, decoded_messages(topic, *messages, casino=casino.pk), topic=topic, send_to_dead_letters=list)


def by_array(casino, topic, messages):
    assert Sender(casino).post(f"/{topic.name}", messages).status_code in (200, 207)


def by_lines(casino, topic, messages):
    body = b"\n".join(map(msgspec.json.encode, messages))
    assert Sender(casino).post(f"/{topic.name}", body, key=topic.name, media_type=LINES).status_code in (200, 207)


def by_file(casino, topic, messages):
    with open(f"{topic.name}.json", "wb") as file:
        file.write(msgspec.json.encode(messages))
    call_command("import", topic.name, file.name, "--casino", str(casino.pk))


def rows(casino):
    with use_casino(casino.current):
        texts = dict(TextId.objects.values_list("pk", "text"))
        return {
            model.__name__: [
                {name: _named(value, texts) for name, value in vars(row).items() if name not in _VARYING}
                for row in model.objects.order_by("pk")
            ]
            for model in EVERY
        }


def _named(value, texts):
    """The value with the texts of ids that are text, whose numbers come from a sequence."""
    if isinstance(value, list):
        return [_named(each, texts) for each in value]
    if isinstance(value, dict):
        return {name: _named(inner, texts) for name, inner in value.items()}
    return texts.get(value, value) if type(value) is int else value


@pytest.mark.parametrize("send", [by_array, by_lines, by_file])
def test_each_transport_stores_the_same_rows(casino_a, casino_b, tmp_path, monkeypatch, send):
    monkeypatch.chdir(tmp_path)
    for name, messages in MESSAGES.items():
        by_kafka(casino_a, TOPICS[name], messages)
        send(casino_b, TOPICS[name], messages)
    kafka_rows, transport_rows = rows(casino_a), rows(casino_b)
    assert transport_rows == kafka_rows
    assert {name: len(found) for name, found in kafka_rows.items()} == {
        "Event": 3,
        "User": 2,
        "UserProfile": 2,
        "PurchasedCoupon": 2,
    }
