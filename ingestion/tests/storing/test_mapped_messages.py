"""The mapping of a casino's options reads the messages of this casino, and of no other."""

from typing import Any

import pytest
from confluent_kafka import Consumer

from ingestion.dead_letters.preview import preview_replay
from ingestion.kafka.client import client_config
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.offset_commits import OffsetCommits
from ingestion.messages.decoding import Rejection
from ingestion.messages.results import MessageResult
from ingestion.models import DeadLetter, MessageCount
from ingestion.parking.parking import Parking
from ingestion.storing import mapped_messages
from ingestion.storing.dispatch import BatchStore
from ingestion.tests.closing_messages import EVENT, NOW, ahead
from ingestion.tests.decoded_messages import SENT_AT, envelope_of
from ingestion.topics import EVENTS
from recommendations.models import Event
from tenants.models import Casino
from tenants.routing.context import use_casino

MAPPING: dict[str, Any] = {
    "messages": "events",
    "each": "matches",
    "key": "no",
    "fields": {
        "id": "no",
        "sport": {"value": "FOOTBALL"},
        "country": {"value": "ENGLAND"},
        "league": "league",
        "home_team": "home",
        "away_team": "away",
        "begin_timestamp": "begin",
        "end_timestamp": "end",
        "status": "state",
        "odd": {"from": "price", "default": None},
    },
}


def match(number: int, **changes: Any) -> dict[str, Any]:
    teams = {"home": f"A{number}", "away": f"B{number}"}
    times = {"begin": ahead(days=22), "end": ahead(days=22, hours=2)}
    return {"no": number, "league": "L", "price": 2.5} | teams | times | changes


class Batches:
    """A BatchStore of events with its Kafka clients, and the results that it reports."""

    def __init__(self) -> None:
        self.client = Consumer(client_config() | {"group.id": EVENTS.group, "enable.auto.commit": False})
        forwarder = Forwarder(flush_seconds=5)
        self.parking = Parking(EVENTS, self.client, OffsetCommits(), forwarder)
        self.parking.assign(range(3))
        self.results: list[MessageResult] = []
        self.store = BatchStore(EVENTS, self.parking, forwarder, self.results.extend)
        self.offset = 0

    def store_batch(self, *messages: tuple[int, Any]) -> list[str]:
        """Outcomes in the order of the messages, which are given as (casino, value)."""
        self.results.clear()
        envelopes = [
            envelope_of(EVENTS, value, casino=casino, offset=self.offset + number, sent_at=SENT_AT + self.offset)
            for number, (casino, value) in enumerate(messages)
        ]
        self.offset += len(messages)
        self.store.store(self.store.decode(envelopes))
        by_offset = {result.envelope.place.offset: result.outcome for result in self.results}
        assert len(by_offset) == len(self.results) == len(messages)
        return [by_offset[envelope.place.offset] for envelope in envelopes]


@pytest.fixture
def batches(broker, casino_a, casino_b):
    Casino.objects.filter(pk=casino_a.pk).update(options={"mapping": {"events": MAPPING}})
    batches = Batches()
    yield batches
    batches.client.close()


def statuses(casino: Casino) -> dict[int, tuple[str, bool]]:
    with use_casino(casino.current):
        return {row: (status, held) for row, status, held in Event.objects.values_list("id", "status", "is_withheld")}


def test_only_the_casinos_own_messages_are_read_by_its_mapping(batches, casino_a, casino_b):
    outcomes = batches.store_batch((1, {"matches": [match(7)]}), (2, EVENT), (2, {"matches": [match(8)]}))
    assert outcomes[:2] == ["stored", "stored"]
    assert outcomes[2] == "missing"
    assert statuses(casino_a) == {7: ("OPEN", False)}
    assert statuses(casino_b) == {900001: ("OPEN", False)}
    assert batches.store_batch((1, EVENT)) == ["unmapped"]


def test_a_message_of_several_items_counts_once_and_stores_each(batches, casino_a):
    document = {"matches": [match(1), match(2), match(3)]}
    assert batches.store_batch((1, document)) == ["stored"]
    assert statuses(casino_a).keys() == {1, 2, 3}
    with use_casino(casino_a.current):
        assert {(each.outcome, each.count) for each in MessageCount.objects.all()} == {("stored", 1)}
    changed = {"matches": [match(1, state="FT"), match(2, price="off"), match(3, home=None), match(4)]}
    assert batches.store_batch((1, changed)) == ["wrong_type"]
    assert statuses(casino_a) == {1: ("SETTLED", False), 2: ("OPEN", True), 3: ("OPEN", True), 4: ("OPEN", False)}
    [result] = batches.results
    assert result.rejection is not None
    assert result.rejection.detail.startswith("1 of the 4 items of the document are rejected; one of them: ")


def test_a_message_delivered_again_is_not_stored_again(batches, casino_a):
    envelope = envelope_of(EVENTS, {"matches": [match(1), match(2)]}, offset=5)
    for outcome in ("stored", "repeated"):
        batches.results.clear()
        batches.store.store(batches.store.decode([envelope]))
        assert [result.outcome for result in batches.results] == [outcome]


def test_a_document_without_items_is_no_dead_letter(batches, casino_a):
    assert batches.store_batch((1, {"matches": []}), (1, {"matches": [match(1)]})) == ["empty", "stored"]


def test_a_status_that_nobody_knows_suspends_and_the_casinos_own_word_opens(batches, casino_a):
    assert batches.store_batch((1, {"matches": [match(1), match(2)]})) == ["stored"]
    assert batches.store_batch((1, {"matches": [match(1, state="läuft"), match(2, state="?")]})) == ["unknown_value"]
    assert statuses(casino_a) == {1: ("SUSPENDED", True), 2: ("SUSPENDED", True)}
    words = {"status_words": {"events": {"läuft": "OPEN"}}, "mapping": {"events": MAPPING}}
    Casino.objects.filter(pk=casino_a.pk).update(options=words)
    assert batches.store_batch((1, {"matches": [match(1, state="läuft", price=3)]})) == ["updated"]
    assert statuses(casino_a)[1] == ("OPEN", False)


@pytest.mark.parametrize("option", ["no-such-mapping", "debezium-users", {"messages": "events"}, "{", 5])
def test_messages_wait_while_the_casinos_mapping_can_not_be_used(batches, casino_a, casino_b, option):
    Casino.objects.filter(pk=casino_a.pk).update(options={"mapping": {"events": option}})
    document = {"matches": [match(7)]}
    assert batches.store_batch((1, document), (2, EVENT)) == ["parked", "stored"]
    assert "mapping.events" in batches.store.circuit_breaker.reason(casino_a.pk)
    Casino.objects.filter(pk=casino_a.pk).update(options={"mapping": {"events": MAPPING}})
    batches.store.circuit_breaker.record_success(casino_a.pk)
    assert batches.store.store_parked(1, [envelope_of(EVENTS, document, offset=0)]) == 1
    assert statuses(casino_a) == {7: ("OPEN", False)}


def test_a_slow_mapping_gets_a_turn_and_the_rest_waits(batches, casino_a, casino_b, monkeypatch):
    monkeypatch.setattr(mapped_messages, "TURN_SECONDS", 0.0)
    documents = [(1, {"matches": [match(number)]}) for number in (1, 2, 3)]
    assert batches.store_batch(*documents, (2, EVENT)) == ["stored", "parked", "parked", "stored"]
    assert statuses(casino_a).keys() == {1}
    assert "messages are left" in batches.store.circuit_breaker.reason(casino_a.pk)


def test_a_dead_letter_has_the_original_bytes(batches, casino_a):
    raw = b'{"matches": [{"no": 1, "home": {}}] }'
    assert batches.store_batch((1, raw)) == ["unmapped"]
    [result] = batches.results
    assert result.envelope.value == raw
    assert isinstance(result.rejection, Rejection)
    assert result.rejection.field == "home_team"


def test_the_preview_of_a_replay_reads_by_the_mapping(batches, casino_a):
    assert batches.store_batch((1, {"matches": [match(1), match(2, home={})]}), (1, {"events": []})) == ["unmapped"] * 2
    corrected = MAPPING | {"each": ["matches", "events"]}
    corrected["fields"] = corrected["fields"] | {"home_team": {"value": "A"}}
    expected = {"acceptable": corrected, "mapping can't be used": "no-such-mapping", "unmapped": MAPPING}
    for result, mapping in expected.items():
        Casino.objects.filter(pk=casino_a.pk).update(options={"mapping": {"events": mapping}})
        with use_casino(casino_a.current):
            assert [each.result for each in preview_replay(DeadLetter.objects.all(), NOW)] == [result] * 2


def test_a_casino_without_a_mapping_costs_no_query_more(batches, casino_b, django_assert_num_queries):
    batches.store_batch((2, EVENT))
    with django_assert_num_queries(1):  # the casinos of the batch
        assert batches.store_batch((2, EVENT | {"odd": 3})) == ["updated"]
