"""Each transport leaves the same rows of a feed with a shipped mapping: of UUIDs, tennis and curling, BTC and KWD."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.core.management import call_command

from ingestion.mappings.reading import read_mapped
from ingestion.mappings.shipped import shipped_mapping
from ingestion.messages.decoding import TimeBounds
from ingestion.messages.reading import DecodedMessage
from ingestion.storing.transaction import store_messages
from ingestion.tests.api.conftest import LINES, Sender
from ingestion.tests.closing_messages import NOW, ahead
from ingestion.tests.decoded_messages import decoded_messages, envelope_of
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.uploads.test_transports_agree import rows
from ingestion.topics import COUPONS, TOPICS
from recommendations.models import Event, PurchasedCoupon, User
from tenants.models import Casino
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.covered]

ADA, BEA = "7d9f0a52-5c0e-4c58-9c57-6b1f0e5c8a01", "f6a1b2c3-0000-4000-8000-00000000beaa"
MATCH, SHEET = "e912304de2b2ce35b473ce2ecd3d1502", "0123456789abcdef0123456789abcdef"
SENT = 1_748_779_200_000


def event(own_id: str, sport: str, **changes: Any) -> dict[str, Any]:
    after = {
        "id": own_id, "sport": sport, "country": None, "league": "OPEN", "home_team": "A", "away_team": "B",
        "odd": "1.720",
        "begin_timestamp": ahead(days=2), "end_timestamp": None, "status": "scheduled",
    }  # fmt: skip
    return {"before": None, "after": after | changes, "op": "c", "ts_ms": SENT}


def user(own_id: str, currency: str, **changes: Any) -> dict[str, Any]:
    after = {
        "id": own_id, "name": "Ada", "surname": own_id[:4], "birth_year": 1985, "birth_date": 5538,
        "currency": currency,
        "country": "KUWAIT", "gender": "FEMALE", "favorite_sport": "CURLING", "stake_limit": "1.50",
    }  # fmt: skip
    return {"before": None, "after": after | changes, "op": "u", "ts_ms": SENT}


FEEDS: dict[str, list[dict[str, Any]]] = {
    "debezium-events": [
        event(MATCH, "tennis"),
        event(SHEET, "curling", odd=None),
        event("gone", "tennis", home_team="C"),
        {"before": {"id": "gone"}, "after": None, "op": "d", "ts_ms": SENT + 1_000},
        {"before": None, "after": {"id": SHEET, "status": "no such word"}, "op": "u", "ts_ms": SENT + 2_000},
    ],
    "debezium-users": [user(ADA, "BTC"), user(BEA, "KWD"), user(BEA, "KWD", status="self_excluded", stake_limit={})],
}
SELECTION = {"event_id": MATCH, "sport": "tennis", "league": "OPEN", "home_team": "A", "away_team": "B", "odd": 1.72}
BETS = [
    {"id": f"bet-{number}", "user_id": ADA, "stake": "0.25", "timestamp": SENT, "recommended_events": [SELECTION]}
    for number in (1, 2, 1)
]


def by_kafka(casino: Casino, mapping: str, documents: list[dict[str, Any]]) -> None:
    found = shipped_mapping(mapping)
    topic, bounds = TOPICS[found.messages], TimeBounds.at(NOW)
    envelopes = [envelope_of(topic, each, casino=casino.pk, offset=place) for place, each in enumerate(documents)]
    messages = [DecodedMessage(each, read_mapped(found, topic, each, bounds)) for each in envelopes]
    store_messages(topic, casino, messages, NOW, lambda rejected: None)


def by_lines(casino: Casino, mapping: str, documents: list[dict[str, Any]]) -> None:
    body = b"\n".join(map(msgspec.json.encode, documents))
    path = f"/{shipped_mapping(mapping).messages}?mapping={mapping}"
    assert Sender(casino).post(path, body, key=mapping, media_type=LINES).status_code in (200, 207)


def by_file(casino: Casino, mapping: str, documents: list[dict[str, Any]]) -> None:
    with open("feed.ndjson", "wb") as file:
        file.write(b"\n".join(map(msgspec.json.encode, documents)))
    call_command(
        "import", shipped_mapping(mapping).messages, file.name, "--casino", str(casino.pk), "--mapping", mapping
    )


@pytest.mark.parametrize("send", [by_lines, by_file])
def test_each_transport_stores_the_same_rows_of_a_feed(casino_a, casino_b, tmp_path, monkeypatch, send):
    monkeypatch.chdir(tmp_path)
    for casino in (casino_a, casino_b):
        casino.options = {"catalogue": {"currency_decimals": {"BTC": 8}}}
        casino.save()
    for mapping, documents in FEEDS.items():
        by_kafka(casino_a, mapping, documents)
        send(casino_b, mapping, documents)
    for casino in (casino_a, casino_b):
        store_messages(COUPONS, casino, decoded_messages(COUPONS, *BETS, casino=casino.pk), NOW, lambda _: None)
    assert rows(casino_b) == rows(casino_a)
    with use_casino(casino_a.current):
        assert list(Event.objects.order_by("sport").values_list("sport", "status", "is_withheld")) == [
            ("CURLING", "SUSPENDED", True),
            ("TENNIS", "OPEN", False),
        ]
        found = User.objects.order_by("currency").values_list("currency", "status", "stake_limit")
        assert list(found) == [("BTC", "ACTIVE", Decimal("1.5")), ("KWD", "SELF_EXCLUDED", 0)]
        assert list(PurchasedCoupon.objects.values_list("stake", flat=True)) == [Decimal("0.25")] * 2
