"""Randomly changed messages: none crashes the decoder, and PostgreSQL stores the accepted ones.

FUZZ_MESSAGES is their number, FUZZ_SEED the random seed; `make fuzz` runs a million.
"""

import logging
import os
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import Envelope, Place
from ingestion.messages.reading import DecodedMessage, read_message
from ingestion.messages.rejection_codes import REASONS
from ingestion.tests.mutations import good_messages, mutate
from ingestion.topics import COUPONS, EVENTS, IMPRESSIONS, RECOMMENDATIONS, USERS
from recommendations.storing import store_users
from recommendations.tests.factories import user_row
from tenants.routing.context import use_casino

MESSAGES = int(os.environ.get("FUZZ_MESSAGES", "8000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
BOUNDS = TimeBounds.at(datetime(2026, 6, 1, tzinfo=UTC))
TOPICS = [USERS, EVENTS, COUPONS, RECOMMENDATIONS, IMPRESSIONS] * 2


def fuzzed(count):
    """`count` pairs (topic, envelope)."""
    rng = random.Random(SEED)
    for offset in range(count):
        kind = rng.randrange(len(TOPICS))
        value = mutate(good_messages(rng)[kind], rng)
        topic = TOPICS[kind] if rng.random() < 0.98 else rng.choice(TOPICS)
        place = Place("fuzz", topic.name, 0, offset, rng.choice((0, -1, 1_780_000_000_000, 2**60)))
        key = rng.choice((None, b"", b"7", rng.randbytes(4)))
        yield topic, Envelope(place, 1, key, value if rng.random() < 0.99 else None, [])


@pytest.mark.no_cover
def test_no_message_crashes_the_decoder(caplog):
    caplog.set_level(logging.ERROR)
    outcomes = Counter[str]()
    for topic, envelope in fuzzed(MESSAGES):
        try:
            content = read_message(topic.decode, topic.partial, envelope, BOUNDS)
        except Exception as error:  # noqa: BLE001 (the failure must show the message)
            pytest.fail(f"{topic.name} {envelope.key!r} {envelope.value!r}: {error!r} (FUZZ_SEED={SEED})")
        if isinstance(content, Rejection) and content.code == "undecodable":
            pytest.fail(f"{topic.name} {envelope.key!r} {envelope.value!r}: {content.detail} (FUZZ_SEED={SEED})")
        outcomes[content.code if isinstance(content, Rejection) else "accepted"] += 1
    assert not caplog.records, "a message can't be read field by field"
    assert outcomes["accepted"] > MESSAGES / 20
    assert outcomes.keys() - REASONS.keys() == {"accepted"}
    assert {"malformed", "missing", "wrong_type", "too_long", "bad_text", "unknown_value", "bad_key"} <= outcomes.keys()


@pytest.mark.no_cover
def test_accepted_messages_and_what_rejected_ones_restrict_can_be_stored(casino_a):
    accepted: dict[str, list[Any]] = {topic.name: [] for topic in TOPICS}
    for topic, envelope in fuzzed(min(MESSAGES, 60_000)):
        message = DecodedMessage(envelope, read_message(topic.decode, topic.partial, envelope, BOUNDS))
        accepted[topic.name] += message.rows
    with use_casino(casino_a.current):
        store_users([user_row(id=7)])
        for topic in TOPICS[:5]:
            rows = accepted[topic.name]
            assert len(rows) > 100
            for begin in range(0, len(rows), 500):
                topic.store(rows[begin : begin + 500], message_of=lambda row: b"", casino=casino_a)
