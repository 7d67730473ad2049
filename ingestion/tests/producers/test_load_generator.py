"""Generated load: all messages are valid, except the corrupted share."""

import random
from collections import Counter
from itertools import islice

import pytest
from django.core.management import CommandError, call_command

from ingestion.messages.decoding import Rejection, TimeBounds, decode_message
from ingestion.producers.load_generator import generate_load
from ingestion.producers.malformed import corrupt
from ingestion.tests.decoded_messages import envelope_of
from ingestion.tests.kafka_client import NOW, read_all
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.topics import COUPONS, EVENTS, USERS
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow


@pytest.fixture
def casinos(casino_a, casino_b, fresh_ids):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create_batch(3)
            EventFactory.create_batch(5)
    return [casino_a, casino_b]


def read(topic, value):
    return decode_message(topic.decode, envelope_of(topic, value), TimeBounds.at(NOW))


@pytest.mark.parametrize("topic", [COUPONS, EVENTS, USERS], ids=lambda topic: topic.name)
def test_generated_load_is_valid_and_for_every_casino(casinos, topic):
    messages = list(islice(generate_load(topic, casinos, random.Random(1), 0.0), 300))
    assert [each for each in messages if isinstance(read(topic, each.value), Rejection)] == []
    assert Counter(message.casino_id for message in messages).keys() == {1, 2}


@pytest.mark.covered
@pytest.mark.parametrize("topic", [COUPONS, EVENTS, USERS], ids=lambda topic: topic.name)
def test_every_corrupted_message_is_rejected(casinos, topic):
    rng = random.Random(2)
    codes = Counter(
        read(topic, corrupt(topic, message.value, rng)).code
        for message in islice(generate_load(topic, casinos, rng, 0.0), 500)
    )
    assert {"malformed", "missing", "wrong_type"} <= codes.keys()


def test_bad_ratio_is_the_share_of_corrupted_messages(casinos):
    messages = islice(generate_load(COUPONS, casinos, random.Random(3), 0.25), 1_000)
    rejected = sum(isinstance(read(COUPONS, message.value), Rejection) for message in messages)
    assert 200 <= rejected <= 300


@pytest.mark.django_db(**IN_PROCESSES)
def test_command_sends_count_messages_to_the_given_casinos(broker, casinos):
    call_command("produce_coupons", "--rate", "0", "--count", "20", "--casinos", "2")
    assert {dict(message.headers())["casino_id"] for message in read_all(COUPONS, 20)} == {b"2"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--casinos", "1,x"], "--casinos needs ids separated by commas"),
        (["--casinos", "1,77", "--rate", "0"], "No active casino has the id 77"),
        (["--rate", "0"], "has no users or no open events"),
    ],
)
@pytest.mark.django_db(**IN_PROCESSES)
def test_invalid_arguments_are_errors(broker, casino_a, casino_b, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("produce_coupons", "--count", "1", *arguments)
