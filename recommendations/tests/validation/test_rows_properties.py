"""Any input gives either a valid row that can be stored, or InvalidRow."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.errors import InvalidRow
from recommendations.tests.factories import coupon_row, event_row, selection_row, user_row
from recommendations.validation.fields import (
    EARLIEST,
    LATEST,
    MAX_GENDER,
    MAX_ODD,
    MAX_SPORT,
    MAX_STAKE,
    MAX_TEXT,
)
from recommendations.validation.own_ids import MAX_OWN_ID
from tenants.ids import MAX_ID

pytestmark = pytest.mark.covered

texts = st.one_of(
    st.text(max_size=130),
    st.text(st.characters(categories=("Cc", "Cs", "Zs", "Lu", "Ll")), max_size=20),
    st.sampled_from(["eur", "MALE", "football", "İ" * 60, "ŉ", "ß" * 100, "A" * 101]),
)
numbers = st.decimals(allow_nan=True, allow_infinity=True) | st.sampled_from([Decimal("1.0001"), Decimal("1E+999")])
plausible_numbers = numbers | st.decimals("1.001", "1000", places=3)
integers = st.none() | st.integers() | st.integers(1, 2**63)
times = st.datetimes(timezones=st.none() | st.timezones()) | st.integers(0, 2**31).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
CODES = {"missing", "too_long", "bad_text", "unknown_value", "out_of_range", "inconsistent"}


def make_or_reject(make, changes):
    try:
        return make(**changes)
    except InvalidRow as error:
        rejection = error
    assert rejection.field in changes
    assert rejection.code in CODES
    return None


def assert_storable_text(text):
    assert 0 < len(text) <= MAX_TEXT
    assert text == text.strip()
    assert "\x00" not in text
    text.encode()


def assert_classifier(text):
    assert_storable_text(text)
    assert text == text.upper()


def assert_instant(instant):
    assert instant.tzinfo is UTC
    assert EARLIEST <= instant < LATEST


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": integers,
            "name": texts,
            "surname": texts,
            "birth_year": st.integers(),
            "currency": texts,
            "country": texts,
            "gender": texts,
            "timestamp": times,
            "favorite_sport": texts,
            "favorite_league": texts,
        },
    )
)
def test_any_user_is_valid_or_rejected(changes):
    row = make_or_reject(user_row, changes)
    if row is None:
        return
    assert row.id is None or 1 <= row.id <= MAX_OWN_ID
    assert_storable_text(row.name)
    assert_storable_text(row.surname)
    assert_classifier(row.country)
    assert_instant(row.timestamp)
    assert 1900 <= row.birth_year <= row.timestamp.year
    assert row.favorite_league == "" or row.favorite_league.upper() == row.favorite_league
    assert re.fullmatch("[A-Z0-9]{3,10}", row.currency)
    assert_classifier(row.gender)
    assert len(row.gender) <= MAX_GENDER
    assert len(row.favorite_sport) <= MAX_SPORT
    msgspec.json.encode(row)


event_fields = dict.fromkeys(("country", "league", "home_team", "away_team", "sport"), texts)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {"begin_timestamp": times, "end_timestamp": times},
        optional={"id": integers, "odd": plausible_numbers, **event_fields},
    )
)
def test_any_event_is_valid_or_rejected(changes):
    row = make_or_reject(event_row, changes)
    if row is None:
        return
    assert 1 < row.odd <= MAX_ODD
    assert row.odd == row.odd.quantize(Decimal("0.001"))
    assert_instant(row.begin_timestamp)
    assert_instant(row.end_timestamp)
    assert row.begin_timestamp < row.end_timestamp
    assert row.home_team != row.away_team
    for field in ("country", "league", "home_team", "away_team", "sport"):
        assert_classifier(getattr(row, field))
    assert len(row.sport) <= MAX_SPORT
    msgspec.json.encode(row)


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={"event_id": integers, "odd": plausible_numbers, **event_fields}))
def test_any_selection_is_valid_or_rejected(changes):
    row = make_or_reject(selection_row, changes)
    if row is not None:
        assert 1 < row.odd <= MAX_ODD
        if row.league:  # else unknown
            assert_classifier(row.league)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {"id": integers},
        optional={
            "user_id": integers,
            "stake": plausible_numbers,
            "timestamp": times,
            "recommended_events": st.integers(0, 60).map(lambda n: (selection_row(),) * n),
        },
    )
)
def test_any_coupon_is_valid_or_rejected(changes):
    row = make_or_reject(coupon_row, changes)
    if row is not None:
        assert 0 <= row.stake <= MAX_STAKE
        assert row.stake == row.stake.quantize(Decimal("0.00000001"))
        assert 1 <= row.user_id <= MAX_ID
        assert 1 <= len(row.recommended_events) <= 50
        assert_instant(row.timestamp)
        msgspec.json.encode(row)
