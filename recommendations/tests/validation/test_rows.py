"""Normalization of valid users, events, selections and coupons, and the codes of invalid ones."""

import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial

import pytest

from recommendations.errors import InvalidRow
from recommendations.tests.factories import coupon_row, event_row, selection_row, served_row, user_row
from recommendations.validation import fields
from recommendations.validation.fields import EARLIEST, LATEST, MAX_TEXT
from recommendations.validation.own_ids import MAX_OWN_ID
from recommendations.validation.rows import ServedEventRow
from tenants.ids import MAX_ID

EVENT_CLASSIFIERS = ("country", "league", "home_team", "away_team")
AT_TWO, AHEAD, BEHIND = (timezone(timedelta(hours=hours)) for hours in (2, 23, -23))
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def rejection(make, **changes):
    with pytest.raises(InvalidRow) as rejected:
        make(**changes)
    assert str(rejected.value) == f"{rejected.value.field} {rejected.value.problem}"
    return rejected.value.code, rejected.value.field


@pytest.mark.parametrize(("make", "field"), [(user_row, "country"), *((event_row, each) for each in EVENT_CLASSIFIERS)])
def test_classifying_text_is_upper_case_with_single_spaces(make, field):
    assert getattr(make(**{field: "  são \t paulo\n"}), field) == "SÃO PAULO"


def test_values_of_closed_sets_are_upper_case():
    row = user_row(currency="eur ", gender="Female", favorite_sport="handball", favorite_league="la liga")
    assert (row.currency, row.gender, row.favorite_sport, row.favorite_league) == (
        "EUR",
        "FEMALE",
        "HANDBALL",
        "LA LIGA",
    )


def test_names_keep_their_case():
    row = user_row(name=" Ada  Maria", surname="von Lovelace")
    assert (row.name, row.surname) == ("Ada Maria", "von Lovelace")


def test_names_of_recommenders_and_models_keep_their_case():
    row = served_row(1, recommender="als", model_version="ALS-7b")
    assert (row.recommender, row.model_version, row.fallback) == ("als", "ALS-7b", "")


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_rejected(score):
    assert rejection(partial(ServedEventRow, event_id=1, odd=Decimal(2)), score=score) == ("out_of_range", "score")


@pytest.mark.parametrize("code", ["$", "EU", "E-R", "ELEVENCHARS", "€UR", "", "E\x00R", "x" * 1_000])
def test_a_currency_that_is_no_code_is_rejected(code):
    assert rejection(user_row, currency=code) == ("unknown_value", "currency")


def test_any_sport_currency_and_gender_is_taken_in_upper_case():
    row = user_row(currency=" usdt", gender="non-binary", favorite_sport="water  polo")
    assert (row.currency, row.gender, row.favorite_sport) == ("USDT", "NON-BINARY", "WATER POLO")
    assert (event_row(sport="chess").sport, selection_row(sport="jai alai").sport) == ("CHESS", "JAI ALAI")


@pytest.mark.parametrize(("field", "longest"), [("gender", 20), ("favorite_sport", 50)])
def test_a_sport_or_gender_that_is_too_long_for_its_column_is_rejected(field, longest):
    assert getattr(user_row(**{field: "x" * longest}), field) == "X" * longest
    assert rejection(user_row, **{field: "x" * (longest + 1)}) == ("too_long", field)
    assert rejection(user_row, **{field: "ß" * longest}) == ("too_long", field)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
@pytest.mark.parametrize(
    ("make", "field"),
    [(user_row, "name"), (user_row, "surname"), (event_row, "home_team"), (selection_row, "home_team")],
)
def test_empty_text_is_rejected(make, field, text):
    assert rejection(make, **{field: text}) == ("missing", field)


@pytest.mark.parametrize("text", ["A\x00B", "A\x7fB", "A\x9fB", "A\ud800", "\udfffA", "A\x1bB"])
@pytest.mark.parametrize(("make", "field"), [(user_row, "name"), (event_row, "home_team"), (selection_row, "country")])
def test_control_characters_and_lone_surrogates_are_rejected(make, field, text):
    assert rejection(make, **{field: text}) == ("bad_text", field)


@pytest.mark.parametrize(
    ("make", "field"), [(user_row, "surname"), (event_row, "league"), (selection_row, "home_team")]
)
def test_text_has_at_most_100_characters(make, field):
    assert len(getattr(make(**{field: "X" * MAX_TEXT}), field)) == MAX_TEXT
    assert rejection(make, **{field: "X" * (MAX_TEXT + 1)}) == ("too_long", field)


def test_the_length_is_checked_after_upper_casing():
    assert rejection(event_row, league="ß" * 51) == ("too_long", "league")


@pytest.mark.parametrize("odd", ["1", "1.0004", "0.99", "0", "-2", "1000000", "NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("make", [event_row, selection_row])
def test_an_odd_of_at_most_1_is_rejected(make, odd):
    assert rejection(make, odd=Decimal(odd)) == ("out_of_range", "odd")


@pytest.mark.parametrize(("given", "stored"), [("1.001", "1.001"), ("2.12345", "2.123"), ("999999.999", "999999.999")])
def test_an_odd_is_rounded_to_three_decimal_places(given, stored):
    assert str(event_row(odd=Decimal(given)).odd) == stored


@pytest.mark.parametrize("stake", ["0.000000004", "-1", "1000000000000", "NaN", "Infinity", "1E-99"])
def test_a_stake_that_is_no_amount_is_rejected(stake):
    assert rejection(coupon_row, stake=Decimal(stake)) == ("out_of_range", "stake")


@pytest.mark.parametrize("stake", ["0", "-0", "0.000"])
def test_a_free_bet_has_a_stake_of_zero(stake):
    assert str(coupon_row(stake=Decimal(stake)).stake) == "0.00"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("0.01", "0.01"), ("25.5", "25.50"), ("1E+2", "100.00"), ("1.5000", "1.50"), ("1.255", "1.255"),
        ("0.00012345", "0.00012345"), ("0.000000125", "0.00000012"), ("25.500000000000004", "25.50"),
        ("999999999999.99", "999999999999.99"), ("99999999999.00000001", "99999999999.00000001"),
    ],
)  # fmt: skip
def test_a_stake_is_exact_to_eight_decimals_and_has_two_at_least(given, stored):
    assert f"{coupon_row(stake=Decimal(given)).stake:f}" == stored


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (datetime(2025, 6, 1, 12, tzinfo=AT_TWO), datetime(2025, 6, 1, 10, tzinfo=UTC)),
        (datetime.fromisoformat("2025-06-01 12:00"), datetime(2025, 6, 1, 12, tzinfo=UTC)),
    ],
)
def test_times_are_stored_in_utc(given, stored):
    timestamp = user_row(timestamp=given).timestamp
    assert (timestamp, timestamp.tzinfo) == (stored, UTC)


@pytest.mark.parametrize(
    "extreme",
    [
        *(LATEST, EARLIEST - timedelta(microseconds=1)),
        *(FIRST.replace(tzinfo=zone) for zone in (None, UTC, AHEAD, BEHIND)),
        *(LAST.replace(tzinfo=zone) for zone in (None, UTC, AHEAD, BEHIND)),
    ],
)
def test_extreme_times_are_rejected(extreme):
    assert rejection(user_row, timestamp=extreme) == ("out_of_range", "timestamp")
    assert rejection(event_row, begin_timestamp=extreme) == ("out_of_range", "begin_timestamp")


@pytest.mark.parametrize("hours", [0, -1])
def test_an_event_ends_after_it_begins(hours):
    begin = datetime(2030, 1, 1, tzinfo=UTC)
    end = (begin + timedelta(hours=hours)).astimezone(AT_TWO)
    assert rejection(event_row, begin_timestamp=begin, end_timestamp=end) == ("inconsistent", "end_timestamp")


def test_a_team_does_not_play_itself():
    assert rejection(event_row, home_team="Arsenal", away_team=" ARSENAL") == ("inconsistent", "away_team")


@pytest.mark.parametrize(("year", "code"), [(1899, "out_of_range"), (2101, "out_of_range"), (2026, "inconsistent")])
def test_a_birth_year_must_be_plausible(year, code):
    assert rejection(user_row, birth_year=year, timestamp=datetime(2025, 6, 1, tzinfo=UTC)) == (code, "birth_year")


IDS = [(user_row, "id"), (event_row, "id"), (coupon_row, "id")]
REFERENCES = [(coupon_row, "user_id"), (selection_row, "event_id")]


@pytest.mark.parametrize("value", [0, -1, MAX_ID + 1, 10**30])
@pytest.mark.parametrize(("make", "field"), IDS + REFERENCES)
def test_an_id_out_of_range_is_rejected(make, field, value):
    assert rejection(make, **{field: value}) == ("out_of_range", field)


@pytest.mark.parametrize(("make", "field"), IDS)
def test_a_casinos_own_ids_end_below_those_of_the_sequence(make, field):
    assert make(**{field: MAX_OWN_ID}).id == MAX_OWN_ID
    assert rejection(make, **{field: MAX_OWN_ID + 1}) == ("out_of_range", field)


@pytest.mark.parametrize(("make", "field"), REFERENCES)
def test_a_reference_can_be_to_an_id_of_the_sequence(make, field):
    assert getattr(make(**{field: MAX_OWN_ID + 1}), field) == MAX_OWN_ID + 1


@pytest.mark.parametrize("selections", [0, 50 + 1])
def test_a_coupon_has_1_to_50_selections(selections):
    events = (selection_row(),) * selections
    assert rejection(coupon_row, recommended_events=events) == ("out_of_range", "recommended_events")
    assert len(coupon_row(recommended_events=(selection_row(),) * 50).recommended_events) == 50


def test_a_coupon_needs_a_user():
    assert rejection(coupon_row, user_id=None) == ("missing", "user_id")


def test_a_coupon_needs_an_id_or_a_kafka_message():
    assert rejection(coupon_row, source=None) == ("missing", "id")
    assert coupon_row(id=5, source=None).id == 5


def test_natural_keys_are_equal_for_the_same_thing_and_differ_for_others():
    assert user_row().natural_key == user_row(currency="USD", country=" england").natural_key
    assert event_row().natural_key == event_row(odd=Decimal(3), league="premier  league").natural_key
    assert coupon_row(source="a/0/1").natural_key == coupon_row(source="a/0/1", stake=Decimal(7)).natural_key
    later = {"begin_timestamp": datetime(2049, 1, 1, tzinfo=UTC)}
    for make, changes in ((user_row, {"birth_year": 1986}), (event_row, later), (coupon_row, {"source": "a/0/2"})):
        assert make(**changes).natural_key != make().natural_key
    assert user_row(name="A B", surname="C").natural_key != user_row(name="A", surname="B C").natural_key


@pytest.mark.parametrize(
    ("amount", "stored"),
    [("7.123456789", "7.12345678"), ("7.996", "7.996"), ("8", "8.00"), ("0.000000009", "0.00"), ("-5", "0.00")],
)
@pytest.mark.parametrize("field", ["stake_limit", "limit_left"])
def test_a_limit_is_rounded_down_and_a_negative_one_is_reached(field, amount, stored):
    assert str(getattr(user_row(**{field: Decimal(amount)}), field)) == stored


@pytest.mark.parametrize("number", ["sNaN", "-sNaN1", "NaN", "Infinity", "1e999999"])
@pytest.mark.parametrize(
    ("make", "field"),
    [(user_row, "stake_limit"), (user_row, "limit_left"), (event_row, "odd"), (coupon_row, "stake")],
)
def test_amount_that_is_no_amount_is_rejected(make, field, number):
    assert rejection(make, **{field: Decimal(number)}) == ("out_of_range", field)


@pytest.mark.parametrize("validate", [fields.name, fields.classifier, fields.sport, fields.gender, fields.currency])
def test_long_text_does_not_stay_in_a_cache(validate):
    value = " " * 100_000 + "open"
    references = sys.getrefcount(value)
    assert validate("status", value).upper() == "OPEN"
    assert sys.getrefcount(value) == references


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stake_limit", Decimal("1e99")),
        ("limit_left", Decimal("1e98")),
        ("currency", "ann.lee@example.com"),
        ("gender", "ann.lee.smith@example.com"),
        ("favorite_sport", f"ann.lee@{'x' * 50}.com"),
        ("status", "ann.lee@example.com"),
    ],
)
def test_rejections_of_users_do_not_show_the_value(field, value):
    """They are logged, and counted with their text, which erasing the user leaves."""
    with pytest.raises(InvalidRow) as raised:
        user_row(**{field: value})
    assert str(value).upper() not in str(raised.value).upper()
