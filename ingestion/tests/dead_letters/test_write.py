"""Dead letters: the message byte for byte, with the reason. Rows are really committed."""

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from ingestion.dead_letters.content import columns_of, envelope_of
from ingestion.dead_letters.write import DeadLetters
from ingestion.kafka.client import client_config
from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import Envelope, Place, Transport
from ingestion.messages.results import MessageResult
from ingestion.models import DeadLetter, PartitionOffset
from ingestion.tests.decoded_messages import envelope_of as sent_envelope
from ingestion.tests.kafka_client import NOW, committed, consume, in_second_group, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.tests.storing.test_transaction import MAX_STAKE_TOTAL
from ingestion.tests.undecodable_header import send_with_unreadable_header
from ingestion.topics import COUPONS, USERS
from recommendations.models import UserProfile
from recommendations.tests.factories import UserFactory
from tenants.routing.connections import casino_atomic
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

CASINO = ("casino_id", b"1")
BAD = Rejection("malformed", "", "no JSON")
committing = pytest.mark.django_db(**IN_PROCESSES)


def produce(*messages, topic=USERS, partition=0):
    """Messages as (value, key, headers)."""
    producer = Producer(client_config())
    for value, key, headers in messages:
        producer.produce(topic.name, value, key=key, headers=headers, partition=partition)
    assert producer.flush(10) == 0


@committing
@pytest.mark.parametrize(
    ("value", "key", "headers"),
    [
        (b"{", b"a key", [CASINO]),
        (b"\x00\xff\xfe{", b"\x00\xff", [CASINO, ("trace", b"\xff\x00"), ("trace", b"again"), ("none", None)]),
        (None, None, [CASINO]),
        (None, b"\x00no id", [("x", b""), CASINO]),
        (b"", b"", [CASINO]),
        (b"{}" * 450_000, None, [CASINO]),
        (b"{", b"", None),
        (b"{", None, [("casino_id", None)]),
    ],
    ids=range(8),
)
def test_dead_letter_is_the_message_byte_for_byte(broker, casino_a, value, key, headers):
    produce((value, key, headers), partition=2)
    consume(USERS, 1)
    [letter] = stored_letters()
    message = letter.message
    assert (message.value, message.key, message.headers, message.place.partition) == (value, key, headers or [], 2)


@committing
def test_dead_letter_has_the_reason_place_and_time(broker, casino_a):
    send(USERS, [(1, user()), (1, user(name="x" * 101))], partition=1)
    consume(USERS, 2)
    [letter] = stored_letters()
    row, place = letter.row, letter.message.place
    assert row.rejected_at >= NOW
    assert row.sent_at <= row.rejected_at
    assert (place.topic, place.partition, place.offset) == ("users", 1, 1)
    assert place.cluster
    assert "length <= 100" in row.detail
    assert (row.reason, row.field, row.attempts, row.user_id, row.state) == ("too_long", "name", 1, "7", "open")


@committing
def test_dead_letter_refused_by_postgresql_has_its_sqlstate(broker, casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)
        UserProfile.objects.create(user_id=7, stake_total=MAX_STAKE_TOTAL)
    send(COUPONS, [(1, coupon())])
    consume(COUPONS, 1)
    [letter] = stored_letters()
    assert (letter.reason, letter.row.sqlstate, letter.row.attempts) == ("refused_by_database", "23514", 3)


@committing
def test_message_with_unreadable_headers_is_kept_without_them(broker, casino_a):
    send_with_unreadable_header(broker, "users", b"{}", count=1)
    consume(USERS, 1)
    [letter] = stored_letters()
    assert (letter.message.value, letter.message.headers, letter.reason) == (b"{}", None, "no_casino")


@committing
def test_dead_letters_keep_their_order(broker, casino_a):
    produce(*((b"%d" % number, None, [CASINO]) for number in range(1_200)))
    consume(USERS, 1_200)
    assert [int(letter.message.value or b"") for letter in stored_letters()] == list(range(1_200))
    assert committed(USERS) == {0: 1_200}


@committing
def test_message_read_again_by_another_group_is_one_dead_letter(broker, casino_a):
    """The loss of a ledger has this effect."""
    send(USERS, [(1, b"{"), (None, b"{")])
    consume(USERS, 2)
    consume(in_second_group(USERS), 2)
    assert sorted(map(str, [letter.casino_id for letter in stored_letters()])) == ["1", "None"]


def test_dead_letters_are_rolled_back_with_the_ledger(casino_a):
    def send_and_fail():
        with casino_atomic():
            DeadLetters(USERS).send([MessageResult.reject(sent_envelope(USERS, b"{"), BAD)], NOW)
            raise ZeroDivisionError

    with use_casino(casino_a.current):
        with pytest.raises(ZeroDivisionError):
            send_and_fail()
        assert (DeadLetter.objects.count(), PartitionOffset.objects.count()) == (0, 0)


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a\x00b\udfffc", "\U0001f600"], ids=range(4))
def test_dead_letter_whose_detail_is_no_text_of_postgresql_is_stored(casino_a, text):
    rejection = Rejection("malformed", text, text)
    envelope = Envelope(Place("", "users", 0, 1, 0), 1, b"\x00", b"\x00", [("a\x00b", b"\x00"), CASINO])
    with use_casino(casino_a.current):
        DeadLetters(USERS).send([MessageResult.reject(envelope, rejection)], NOW)
        [letter] = DeadLetter.objects.all()
    assert len(letter.detail) == len(text)
    assert envelope_of(letter) == envelope


def test_messages_that_nothing_identifies_are_a_dead_letter_each(casino_a):
    place = Place.in_upload(Transport.HTTP, "coupons", "", 0)
    envelope = Envelope(place, 1, None, b"{", [CASINO])
    with use_casino(casino_a.current):
        for _ in range(2):
            DeadLetters(COUPONS).send([MessageResult.reject(envelope, BAD)], NOW)
        assert DeadLetter.objects.count() == 2


@given(
    value=st.none() | st.binary(),
    key=st.none() | st.binary(),
    headers=st.none() | st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.binary())),
)
def test_message_of_a_dead_letter_is_the_rejected_one(value, key, headers):
    envelope = Envelope(Place("here", "users", 2, 5, 1_000), None, key, value, headers)
    columns = columns_of(USERS, MessageResult.reject(envelope, BAD), NOW)
    stored = envelope_of(DeadLetter(**columns))
    assert (stored.value, stored.key, stored.headers, stored.place) == (value, key, headers, envelope.place)
