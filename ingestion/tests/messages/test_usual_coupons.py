"""The fast path of reading a coupon gives the row that the normal one gives, or leaves it to that."""

import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from ingestion.messages.coupons import _DECODED, _CachedJson, any_coupon, usual_coupon
from ingestion.messages.decoding import TimeBounds
from ingestion.tests.decoded_messages import envelope_of
from ingestion.tests.kafka_client import NOW
from ingestion.tests.mutations import mutate
from ingestion.tests.sample_messages import SELECTION, coupon
from ingestion.topics import COUPONS
from recommendations.errors import InvalidRow
from recommendations.validation.odds import OddFormat
from recommendations.validation.rows import CouponRow
from recommendations.validation.settings_limits import limits

RECOMMENDATION = str(uuid4())
USUAL: list[dict[str, Any]] = [
    {},
    {"id": "slip 8", "user_id": "ada"},
    {"id": "8", "user_id": 2**62},
    {"stake": 0},
    {"stake": "12.50"},
    {"timestamp": 1_748_777_300_000},
    {"timestamp": "2025-06-01T11:28:20+02:00"},
    {"recommendation_id": RECOMMENDATION},
    {"recommendation_id": None, "odd_format": None},
    {"odd_format": "american", "recommended_events": [SELECTION | {"odd": -150}] * 2},
    {"recommended_events": [SELECTION | {"event_id": "e 1", "odd": None, "market": 1, "outcome": "X"}]},
    {"recommended_events": [SELECTION] * limits.selections},
]
UNUSUAL: dict[str, list[Any]] = {
    "id": [None, 0, -1, 1.0, 2**62 + 1, 2**70, True, "", " 8", "8.0", "x" * 129, "8" + "\u200b" * 128, [8]],
    "user_id": [None, 0, 7.0, 2**63, "7\n", "007", {}],
    "stake": [None, True, -1, 1e-9, "1e2", "1_0", " 1", "+1", 10**13, [1], "x" * 2_000],
    "timestamp": [None, True, "", "01/02/2026", "2025-06-01 11:28", 1e300, 0, "1999-12-31T23:59:59Z"],
    "recommended_events": [None, {}, [], [1], [{}], [SELECTION, {"event_id": 5}], [SELECTION | {"odd": "high"}]],
    "recommendation_id": [5, "none", RECOMMENDATION.replace("-", "")],
    "odd_format": ["DECIMAL", "unknown", 5, "x" * 101],
}


def rows(value: object) -> tuple[CouponRow | None, CouponRow | None]:
    """The coupon by the fast way and by the full one; None if the way declines or rejects it."""
    bounds = TimeBounds.at(NOW)
    envelope = envelope_of(COUPONS, value)
    try:
        whole = any_coupon(envelope, bounds)
    except (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        whole = None
    return usual_coupon(envelope, bounds), whole


@pytest.mark.parametrize("changes", USUAL)
def test_usual_coupons_take_the_fast_path_to_the_same_row(changes):
    usual, whole = rows(coupon(id=8) | changes)
    assert usual is not None
    assert repr(usual) == repr(whole)  # equal times and numbers may differ in zone and digits


def test_no_unusual_value_is_read_otherwise():
    times = [(NOW + timedelta(hours=hours)).isoformat() for hours in (23, 25)]
    for field, values in (UNUSUAL | {"timestamp": UNUSUAL["timestamp"] + times}).items():
        for value in values:
            usual, whole = rows(coupon(id=8) | {field: value})
            assert repr(usual) in ("None", repr(whole)), (field, value)


def test_no_changed_message_is_read_otherwise():
    rng = random.Random(3)
    found = []
    for _ in range(3_000):
        value = mutate(coupon(id=8, recommended_events=[SELECTION | {"event_id": 5}]), rng)
        usual, whole = rows(value)
        assert repr(usual) in ("None", repr(whole)), value
        found.append((usual is None, whole is None))
    assert len(set(found)) == 3


def test_too_many_selections_are_left_to_the_normal_path_and_not_read():
    read = len(_DECODED[OddFormat.DECIMAL])
    selections = [{"event_id": number} for number in range(limits.selections + 1)]
    assert rows(coupon(id=8, recommended_events=selections)) == (None, None)
    assert len(_DECODED[OddFormat.DECIMAL]) == read


def test_what_is_kept_of_selections_and_stakes_is_bounded():
    cached = _CachedJson(bytes.decode, limit=3, max_bytes=2)
    for given in (b"1", b"2", b"2", b"3", b"345"):
        assert cached[given] == given.decode()
    assert sorted(cached) == [b"1", b"2", b"3"]
    assert cached[b"4"] == "4"
    assert sorted(cached) == [b"4"]


def test_formats_of_odds_do_not_share_what_was_read():
    odds = {
        each: usual.recommended_events[0].odd
        for each in OddFormat
        if (usual := rows(coupon(id=8, odd_format=each, recommended_events=[SELECTION | {"odd": 1}]))[0])
    }
    assert odds[OddFormat.DECIMAL] is None
    assert odds[OddFormat.HONGKONG] == 2
