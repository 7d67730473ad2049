"""Dead letters: the message byte for byte, with the reason. Rows are really committed."""

from datetime import datetime

import pytest
from confluent_kafka import Producer

from ingestion.dead_letters.write import DeadLetters, rejection_headers
from ingestion.errors import NotDelivered
from ingestion.kafka.client import client_config
from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Rejection
from ingestion.outcomes import MessageResult
from ingestion.tests.decoded_messages import SENT_AT, envelope_of
from ingestion.tests.kafka_client import NOW, closed_port, committed, consume, read_named, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.tests.storing.test_transaction import MAX_STAKE_TOTAL
from ingestion.tests.undecodable_header import send_with_unreadable_header
from ingestion.topics import COUPONS, USERS
from recommendations.models import UserProfile
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

CASINO = ("casino_id", b"1")
BAD = Rejection("malformed", "", "no JSON")


def produce(*messages, topic=USERS, partition=0):
    """Messages as (value, key, headers)."""
    producer = Producer(client_config())
    for value, key, headers in messages:
        producer.produce(topic.name, value, key=key, headers=headers, partition=partition)
    assert producer.flush(10) == 0


def added(message):
    return {name.removeprefix("dead."): value.decode() for name, value in message.headers() if name.startswith("dead.")}


@pytest.mark.parametrize(
    ("value", "key", "headers"),
    [
        (b"{", b"a key", [CASINO]),
        (b"\x00\xff\xfe{", b"\x00\xff", [CASINO, ("trace", b"\xff\x00"), ("trace", b"again"), ("none", None)]),
        (None, None, [CASINO]),
        (None, b"no id", [("x", b""), CASINO]),
        (b"", b"", [CASINO]),
        (b"{}" * 100_000, None, [CASINO]),
        (b"{", b"", None),
        (b"{", None, [("casino_id", None)]),
    ],
    ids=range(8),
)
def test_dead_letter_is_the_message_byte_for_byte(broker, casino_a, value, key, headers):
    produce((value, key, headers), partition=2)
    consume(USERS, 1)
    [letter] = read_named(USERS.dead, 1)
    kept = [each for each in letter.headers() if not each[0].startswith("dead.")]
    assert (letter.value(), letter.key(), kept, letter.partition()) == (value, key, headers or [], 2)


def test_dead_letter_has_the_reason_place_and_time(broker, casino_a):
    send(USERS, [(1, user()), (1, user(name="x" * 101))], partition=1)
    consume(USERS, 2)
    [letter] = read_named(USERS.dead, 1)
    fields = added(letter)
    assert datetime.fromisoformat(fields.pop("at")) >= NOW.replace(microsecond=0)
    cluster, topic, partition, offset = fields.pop("place").partition("@")[0].rsplit("/", 3)
    assert (topic, partition, offset) == ("users", "1", "1")
    assert cluster
    assert "length <= 100" in fields.pop("detail")
    assert fields == {"reason": "too_long", "field": "name", "attempts": "1"}


def test_dead_letter_refused_by_postgresql_has_its_sqlstate(broker, casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)
        UserProfile.objects.create(user_id=7, stake_total=MAX_STAKE_TOTAL)
    send(COUPONS, [(1, coupon())])
    consume(COUPONS, 1)
    [letter] = read_named(COUPONS.dead, 1)
    fields = added(letter)
    assert (fields["reason"], fields["sqlstate"], fields["attempts"]) == (
        "refused_by_database",
        "22003",
        "2",
    )


def test_message_with_unreadable_headers_is_kept_without_them(broker, casino_a):
    send_with_unreadable_header(broker, "users", b"{}", count=1)
    consume(USERS, 1)
    [letter] = read_named(USERS.dead, 1)
    assert letter.value() == b"{}"
    assert (added(letter)["headers"], added(letter)["reason"]) == ("unreadable", "no_casino")


def test_empty_headers_are_left_out():
    envelope = envelope_of(USERS, b"{")
    assert rejection_headers(envelope, BAD, NOW) == {
        "dead.place": f"here/users/0/0@{SENT_AT}",
        "dead.reason": "malformed",
        "dead.detail": "no JSON",
        "dead.attempts": "1",
        "dead.at": NOW.isoformat(timespec="seconds"),
    }


def test_dead_letters_keep_their_order(broker, casino_a):
    produce(*((b"%d" % number, None, [CASINO]) for number in range(500)))
    consume(USERS, 500)
    assert [int(letter.value()) for letter in read_named(USERS.dead, 500)] == list(range(500))
    assert committed(USERS) == {0: 500}


def test_send_returns_after_the_broker_has_the_dead_letters(broker):
    letters = DeadLetters(USERS, Forwarder())
    letters.send([MessageResult(envelope_of(USERS, b"{"), "malformed", BAD)], NOW)
    assert len(read_named(USERS.dead, 1, seconds=1)) == 1


def test_undelivered_dead_letters_are_an_error(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    letters = DeadLetters(USERS, Forwarder(flush_seconds=0.1))
    with pytest.raises(NotDelivered, match="did not accept 2 dead letters"):
        letters.send([MessageResult(envelope_of(USERS, b"{"), "malformed", BAD)] * 2, NOW)
