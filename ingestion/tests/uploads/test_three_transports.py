"""A casino with ids, sports, money and a feed of its own: the same documents by Kafka, by HTTP and by a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import call_command
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from ingestion.models import DeadLetter, MessageCount
from ingestion.tests.api.conftest import LINES, Sender
from ingestion.tests.kafka_client import consume, send
from ingestion.topics import COUPONS, EVENTS, TOPICS, USERS
from recommendations.models import User
from recommendations.services import configure
from recommendations.storing.casino_tallies import merge_casino_sums
from recommendations.storing.user_tallies import merge_user_tallies
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.tests.api_clients import bearing, make_key

from . import debezium_feed as feed
from .comparable_rows import comparable_rows

SCHEMA = {
    "player": {"type": "uuid", "source_field": "user_id"},
    "stake": "string",
    "currency": "string",
    "picks": {"type": "list", "source_field": "recommended_events", "fields": {"event_id": "uuid", "odd": "string"}},
}
FEED = {EVENTS.name: feed.EVENTS, USERS.name: feed.USERS, COUPONS.name: feed.COUPONS}
MAPPINGS: dict[str, Any] = {
    EVENTS.name: "debezium-events",
    USERS.name: "debezium-users",
    COUPONS.name: feed.BETS,
}

# The expected rows: an event and a user are removed, one of each is not offered, and an event can't be read.
STORED = {
    "events": 6,
    "teams": 14,
    "event_teams": 12,
    "users": 3,
    "users_profile": 3,
    "user_tallies": 3,
    "purchased_coupons": 3,
    "due_attributions": 1,
    "waiting_coupons": 2,
    "waiting_changes": 1,
    "removed_rows": 2,
    "learnt_values": 5,
    "casino_tallies": 17,
    "text_ids": 19,
}


def by_kafka(casino: Casino, topic: str, documents: list[Any], *, again: bool) -> None:
    send(TOPICS[topic], [(casino.pk, each) for each in documents])
    consume(TOPICS[topic], len(documents))


def by_http(casino: Casino, topic: str, documents: list[Any], *, again: bool) -> None:
    mapping = MAPPINGS[topic] if isinstance(MAPPINGS[topic], str) else "own"
    response = Sender(casino).post(
        f"/{topic}?mapping={mapping}", _lines(documents), key=f"{topic}-{again}", media_type=LINES
    )
    assert response.status_code in (200, 207), response.content


def by_file(casino: Casino, topic: str, documents: list[Any], *, again: bool) -> None:
    file = Path(f"{topic}.ndjson")
    file.write_bytes(_lines(documents))
    mapping = MAPPINGS[topic]
    if not isinstance(mapping, str):
        Path("bets.yaml").write_bytes(msgspec.json.encode(mapping))
        mapping = "bets.yaml"
    call_command(
        "import", topic, str(file), "--casino", str(casino.pk), "--mapping", mapping, *(["--again"] if again else [])
    )


TRANSPORTS: dict[str, Callable[..., None]] = {"Kafka": by_kafka, "HTTP": by_http, "file": by_file}


def _lines(documents: list[Any]) -> bytes:
    return b"\n".join(map(msgspec.json.encode, documents))


@pytest.fixture
def casinos(real_databases: None, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Casino]:
    monkeypatch.chdir(tmp_path)
    made = dict(zip(TRANSPORTS, store_casinos(TRANSPORTS), strict=True))
    options = feed.OPTIONS | {"mapping": MAPPINGS}
    for casino in made.values():
        configure(
            casino=casino,
            recommender_type="soonest",
            recommendation_schema=SCHEMA,
            options=options,
            now=timezone.now(),
        )
    return made


def send_all(casinos: dict[str, Casino], *, again: bool = False) -> None:
    for transport, casino in casinos.items():
        for topic, documents in FEED.items():
            TRANSPORTS[transport](casino, topic, documents, again=again)
        with use_casino(casino.current):
            assert merge_casino_sums()
            merge_user_tallies(list(User.objects.values_list("pk", flat=True)))


def outcomes(casino: Casino) -> dict[tuple[str, str], int]:
    """The number of messages by topic and outcome, of all hours."""
    with use_casino(casino.current):
        sums = MessageCount.objects.values_list("topic", "outcome").annotate(Sum("count"))
        return {(topic, outcome): count for topic, outcome, count in sums}


def slips(casino: Casino, client: Client) -> dict[str, Any]:
    """Stake, currency and events of each user's recommendation, in the casino's own fields."""
    headers = bearing(make_key(casino, "recommend").text)
    answers = [client.get(f"/recommend/{user}", headers=headers).json() for user in (feed.ADA, feed.BOB, feed.CYD)]
    numbers = {feed.uuid(number): number for number in range(101, 110)}
    return {
        each["player"]: (
            each["stake"],
            each["currency"],
            [(numbers[pick["event_id"]], pick["odd"]) for pick in each["picks"]],
        )
        for each in answers
    }


def dead_letters(casino: Casino) -> set[str]:
    with use_casino(casino.current):
        return set(DeadLetter.objects.values_list("reason", flat=True))


@pytest.mark.exhaustive
def test_three_transports_leave_equal_databases_and_recommendations(casinos, client, settings):
    settings.RECSYS_OPEN_API = False
    send_all(casinos)
    kafka_rows, http_rows, file_rows = map(comparable_rows, casinos.values())
    assert http_rows == kafka_rows
    assert file_rows == kafka_rows
    assert outcomes(casinos["HTTP"]) == outcomes(casinos["file"]) == outcomes(casinos["Kafka"])
    assert {table: len(rows) for table, rows in kafka_rows.items() if rows} == STORED
    assert slips(casinos["HTTP"], client) == slips(casinos["file"], client) == slips(casinos["Kafka"], client)
    assert slips(casinos["Kafka"], client) == {
        feed.ADA: ("0.00123456", "BTC", [(102, "2.25"), (103, "1.85"), (104, "1.85")]),
        feed.BOB: ("5.125", "KWD", [(103, "1.85"), (104, "1.85")]),
        feed.CYD: ("0.000", "KWD", []),
    }
    assert dead_letters(casinos["Kafka"]) == {"unknown_value", "unmapped", "wrong_type"}
    assert dead_letters(casinos["HTTP"]) == dead_letters(casinos["file"]) == set()

    send_all(casinos, again=True)
    assert [comparable_rows(each) for each in casinos.values()] == [kafka_rows] * 3
