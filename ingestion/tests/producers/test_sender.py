import random
from decimal import Decimal

import msgspec
import pytest
from confluent_kafka import KafkaException

from ingestion.errors import NotDelivered
from ingestion.messages.decoding import TimeBounds, decode_message
from ingestion.messages.envelope import open_message
from ingestion.producers.sender import Sender, send_dummies
from ingestion.tests.kafka_client import NOW, closed_port, read_all
from ingestion.topics import COUPONS, EVENTS, TOPICS, USERS
from recommendations.tests.factories import EventFactory, UserFactory
from recommendations.validation.rows import CouponRow, EventRow, UserRow
from tenants.models import Casino, CasinoState
from tenants.routing.context import use_casino


def received(topic, count):
    """(casino, row or rejection) of each message."""
    envelopes = [open_message(message, "here", "") for message in read_all(topic, count)]
    return [(each.casino_id, decode_message(topic.decode, each, TimeBounds.at(NOW))) for each in envelopes]


def test_sender_delivers_message_header_and_key(broker):
    with Sender() as sender:
        sender.send("users", b"{}", headers={"casino_id": "5"}, key="k")
    (message,) = read_all(USERS, 1)
    assert (message.value(), message.headers(), message.key()) == (b"{}", [("casino_id", b"5")], b"k")
    assert sender.sent == 1


def test_messages_with_the_same_key_keep_their_order(broker):
    with Sender() as sender:
        for number in range(600):
            sender.send("users", str(number).encode(), headers={}, key=str(number % 5))
    places: dict[bytes, set[int]] = {}
    numbers: dict[bytes, list[int]] = {}
    for message in read_all(USERS, 600):
        places.setdefault(message.key(), set()).add(message.partition())
        numbers.setdefault(message.key(), []).append(int(message.value()))
    assert all(len(partitions) == 1 for partitions in places.values())
    assert numbers == {str(key).encode(): list(range(key, 600, 5)) for key in range(5)}
    assert sender.sent == 600


def test_sender_raises_if_a_message_is_not_delivered(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    with pytest.raises(NotDelivered, match="1 messages not delivered"), Sender(flush_seconds=0.2) as sender:
        sender.send("users", b"{}", headers={}, key="k")


def test_error_inside_the_block_is_not_hidden_by_undelivered_messages(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    sender = Sender(flush_seconds=0.1)
    sender.send("users", b"{}", headers={}, key="k")
    with pytest.raises(ZeroDivisionError), sender:
        raise ZeroDivisionError


def test_message_too_large_for_kafka_raises_at_once(broker):
    with pytest.raises(KafkaException, match="too large"), Sender() as sender:
        sender.send("users", b"x" * 2_000_000, headers={}, key="k")


@pytest.mark.parametrize("topic", [USERS, EVENTS])
def test_dummies_reach_every_active_casino(broker, casino_a, casino_b, topic):
    Casino.objects.create(id=3, name="Gamma", state=CasinoState.REQUESTED)
    with Sender() as sender:
        send_dummies(sender, topic.name, random.Random(1), NOW)
    messages = received(topic, 2)
    assert all(isinstance(row, UserRow | EventRow) for _, row in messages)
    assert sorted(casino_id for casino_id, _ in messages) == [1, 2]
    assert sender.sent == 2


@pytest.mark.usefixtures("fresh_ids")
def test_casino_without_users_or_open_events_gets_no_dummy_coupons(broker, casino_a, casino_b, caplog):
    with use_casino(casino_a.current):
        UserFactory(id=77)
    with Sender() as sender:
        send_dummies(sender, "coupons", random.Random(1), NOW)
        assert sender.sent == 0
        with use_casino(casino_a.current):
            event = EventFactory.create(odd=Decimal("1.75"))
        with use_casino(casino_b.current):
            EventFactory()
        send_dummies(sender, "coupons", random.Random(1), NOW)
    [(casino_id, row)] = received(COUPONS, 1)
    assert isinstance(row, CouponRow)
    assert (sender.sent, casino_id, row.user_id) == (1, 1, 77)
    assert [each.event_id for each in row.recommended_events] == [event.pk]


def test_dummies_are_json_objects(broker, casino_a):
    with Sender() as sender:
        for topic in (USERS, EVENTS):
            send_dummies(sender, topic.name, random.Random(1), NOW)
    for topic in (USERS, EVENTS):
        assert isinstance(msgspec.json.decode(read_all(topic, 1)[0].value()), dict)


def test_each_topic_of_the_casinos_has_dummies(broker, casino_a):
    with use_casino(casino_a.current):
        UserFactory()
        EventFactory()
    with Sender() as sender:
        for name in TOPICS.keys() - {"recommendations", "odds"}:
            send_dummies(sender, name, random.Random(1), NOW)
    assert sender.sent == 3
