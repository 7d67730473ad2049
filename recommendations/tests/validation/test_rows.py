"""Rows: what is stored of a user, an event, a selection and a coupon, and what is refused with which code."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial

import pytest

from recommendations.errors import InvalidRow
from recommendations.tests.factories import coupon_row, event_row, selection_row, served_row, user_row
from recommendations.validation.fields import EARLIEST, LATEST, MAX_OWN_ID, MAX_TEXT
from recommendations.validation.rows import ServedEventRow
from tenants.ids import MAX_ID

EVENT_CLASSIFIERS = ("country", "league", "home_team", "away_team")
AT_TWO, AHEAD, BEHIND = (timezone(timedelta(hours=hours)) for hours in (2, 23, -23))
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def refusal(make, **changes):
    with pytest.raises(InvalidRow) as refused:
        make(**changes)
    assert str(refused.value) == f"{refused.value.field} {refused.value.problem}"
    return refused.value.code, refused.value.field


@pytest.mark.parametrize(("make", "field"), [(user_row, "country"), *((event_row, each) for each in EVENT_CLASSIFIERS)])
def test_text_that_classifies_is_upper_case_and_has_single_spaces(make, field):
    assert getattr(make(**{field: "  são \t paulo\n"}), field) == "SÃO PAULO"


def test_closed_sets_are_upper_case_too():
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


def test_what_this_service_calls_something_keeps_its_case():
    row = served_row(1, recommender="als", model_version="ALS-7b")
    assert (row.recommender, row.model_version, row.fallback) == ("als", "ALS-7b", "")


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused(score):
    assert refusal(partial(ServedEventRow, event_id=1, odd=Decimal(2)), score=score) == ("out_of_range", "score")


@pytest.mark.parametrize(
    ("field", "value"), [("currency", "CHF"), ("gender", "X"), ("favorite_sport", "CHESS"), ("favorite_sport", "")]
)
def test_a_value_outside_a_closed_set_is_refused(field, value):
    assert refusal(user_row, **{field: value}) == ("unknown_value", field)


def test_sports_are_those_of_the_settings(settings):
    assert refusal(event_row, sport="CHESS") == ("unknown_value", "sport")
    settings.SPORTS = ["CHESS"]
    assert event_row(sport="chess").sport == "CHESS"


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
@pytest.mark.parametrize(
    ("make", "field"), [(user_row, "name"), (user_row, "surname"), (event_row, "league"), (selection_row, "league")]
)
def test_empty_text_is_refused(make, field, text):
    assert refusal(make, **{field: text}) == ("missing", field)


@pytest.mark.parametrize("text", ["A\x00B", "A\x7fB", "A\x9fB", "A\ud800", "\udfffA", "A\x1bB"])
@pytest.mark.parametrize(("make", "field"), [(user_row, "name"), (event_row, "home_team"), (selection_row, "country")])
def test_text_that_a_database_or_a_terminal_chokes_on_is_refused(make, field, text):
    assert refusal(make, **{field: text}) == ("bad_text", field)


@pytest.mark.parametrize(
    ("make", "field"), [(user_row, "surname"), (event_row, "league"), (selection_row, "home_team")]
)
def test_text_has_at_most_100_characters(make, field):
    assert len(getattr(make(**{field: "X" * MAX_TEXT}), field)) == MAX_TEXT
    assert refusal(make, **{field: "X" * (MAX_TEXT + 1)}) == ("too_long", field)


def test_the_length_counts_after_upper_casing():
    assert refusal(event_row, league="ß" * 51) == ("too_long", "league")


@pytest.mark.parametrize("odd", ["1", "1.0004", "0.99", "0", "-2", "1000000", "NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("make", [event_row, selection_row])
def test_an_odd_that_pays_no_more_than_the_stake_is_refused(make, odd):
    assert refusal(make, odd=Decimal(odd)) == ("out_of_range", "odd")


@pytest.mark.parametrize(("given", "kept"), [("1.001", "1.001"), ("2.12345", "2.123"), ("999999.999", "999999.999")])
def test_an_odd_has_three_places(given, kept):
    assert str(event_row(odd=Decimal(given)).odd) == kept


@pytest.mark.parametrize("stake", ["0", "0.004", "-1", "1000000000000", "NaN", "Infinity"])
def test_a_stake_that_is_no_positive_amount_is_refused(stake):
    assert refusal(coupon_row, stake=Decimal(stake)) == ("out_of_range", "stake")


@pytest.mark.parametrize(("given", "kept"), [("0.01", "0.01"), ("25.5", "25.50"), ("1E+2", "100.00")])
def test_a_stake_has_two_places(given, kept):
    assert str(coupon_row(stake=Decimal(given)).stake) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (datetime(2025, 6, 1, 12, tzinfo=AT_TWO), datetime(2025, 6, 1, 10, tzinfo=UTC)),
        (datetime(2025, 6, 1, 12), datetime(2025, 6, 1, 12, tzinfo=UTC)),  # noqa: DTZ001
    ],
)
def test_times_are_kept_in_utc(given, kept):
    timestamp = user_row(timestamp=given).timestamp
    assert (timestamp, timestamp.tzinfo) == (kept, UTC)


@pytest.mark.parametrize(
    "extreme",
    [
        *(LATEST, EARLIEST - timedelta(microseconds=1)),
        *(FIRST.replace(tzinfo=zone) for zone in (None, UTC, AHEAD, BEHIND)),
        *(LAST.replace(tzinfo=zone) for zone in (None, UTC, AHEAD, BEHIND)),
    ],
)
def test_extreme_times_are_refused(extreme):
    assert refusal(user_row, timestamp=extreme) == ("out_of_range", "timestamp")
    assert refusal(event_row, begin_timestamp=extreme) == ("out_of_range", "begin_timestamp")


@pytest.mark.parametrize("hours", [0, -1])
def test_an_event_ends_after_it_begins(hours):
    begin = datetime(2030, 1, 1, tzinfo=UTC)
    end = (begin + timedelta(hours=hours)).astimezone(AT_TWO)
    assert refusal(event_row, begin_timestamp=begin, end_timestamp=end) == ("inconsistent", "end_timestamp")


def test_a_team_does_not_play_itself():
    assert refusal(event_row, home_team="Arsenal", away_team=" ARSENAL") == ("inconsistent", "away_team")


@pytest.mark.parametrize(("year", "code"), [(1899, "out_of_range"), (2101, "out_of_range"), (2026, "inconsistent")])
def test_a_birth_year_must_be_plausible(year, code):
    assert refusal(user_row, birth_year=year, timestamp=datetime(2025, 6, 1, tzinfo=UTC)) == (code, "birth_year")


IDS = [(user_row, "id"), (event_row, "id"), (coupon_row, "id")]
REFERENCES = [(coupon_row, "user_id"), (selection_row, "event_id")]


@pytest.mark.parametrize("value", [0, -1, MAX_ID + 1, 10**30])
@pytest.mark.parametrize(("make", "field"), IDS + REFERENCES)
def test_an_impossible_id_is_refused(make, field, value):
    assert refusal(make, **{field: value}) == ("out_of_range", field)


@pytest.mark.parametrize(("make", "field"), IDS)
def test_a_casinos_own_ids_leave_room_for_those_handed_out(make, field):
    assert make(**{field: MAX_OWN_ID}).id == MAX_OWN_ID
    assert refusal(make, **{field: MAX_OWN_ID + 1}) == ("out_of_range", field)


@pytest.mark.parametrize(("make", "field"), REFERENCES)
def test_a_reference_may_be_to_an_id_that_was_handed_out_above_the_casinos_own(make, field):
    assert getattr(make(**{field: MAX_OWN_ID + 1}), field) == MAX_OWN_ID + 1


@pytest.mark.parametrize("selections", [0, 50 + 1])
def test_a_coupon_has_1_to_50_selections(selections):
    events = (selection_row(),) * selections
    assert refusal(coupon_row, recommended_events=events) == ("out_of_range", "recommended_events")
    assert len(coupon_row(recommended_events=(selection_row(),) * 50).recommended_events) == 50


def test_a_coupon_needs_a_user():
    assert refusal(coupon_row, user_id=None) == ("missing", "user_id")


def test_a_coupon_needs_an_id_or_a_place_in_kafka():
    assert refusal(coupon_row, source=None) == ("missing", "id")
    assert coupon_row(id=5, source=None).id == 5


def test_natural_keys_tell_different_things_apart_and_know_the_same_again():
    assert user_row().natural_key == user_row(currency="USD", country=" england").natural_key
    assert event_row().natural_key == event_row(odd=Decimal(3), league="premier  league").natural_key
    assert coupon_row(source="a/0/1").natural_key == coupon_row(source="a/0/1", stake=Decimal(7)).natural_key
    later = {"begin_timestamp": datetime(2049, 1, 1, tzinfo=UTC)}
    for make, changes in ((user_row, {"birth_year": 1986}), (event_row, later), (coupon_row, {"source": "a/0/2"})):
        assert make(**changes).natural_key != make().natural_key
    assert user_row(name="A B", surname="C").natural_key != user_row(name="A", surname="B C").natural_key
