"""Coupons of which some selections can't be read are read in part."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from ingestion.messages.coupons import decode_coupon
from ingestion.tests.sample_messages import SELECTION, coupon, without

from .test_decoding import accepted, rejected

pytestmark = pytest.mark.covered

READABLE = SELECTION | {"event_id": 1}
OTHER = SELECTION | {"event_id": 2, "home_team": "YORK"}


def unread(selection: Any) -> tuple[Any, ...]:
    """The coupon's record of this unreadable selection, which follows a readable one, and the ids of the coupon's
    events."""
    row = accepted(decode_coupon, coupon(recommended_events=[READABLE, selection]))
    [note] = row.unread_selections or [None]
    assert note.number == 1
    return note.code, note.field, note.event_id, [each.event_id for each in row.recommended_events]


@pytest.mark.parametrize(
    ("selection", "code", "field", "event_id"),
    [
        (OTHER | {"sport": "x" * 51}, "too_long", "sport", 2),
        (without(OTHER, "away_team"), "missing", "away_team", 2),
        (OTHER | {"away_team": None}, "missing", "away_team", 2),
        (OTHER | {"home_team": " "}, "missing", "home_team", 2),
        (OTHER | {"country": "X" * 101}, "too_long", "country", 2),
        (OTHER | {"home_team": "A\u0000"}, "bad_text", "home_team", 2),
        (OTHER | {"event_id": " match 2"}, "bad_text", "event_id", None),
        (OTHER | {"event_id": "x" * 129}, "too_long", "event_id", None),
        (OTHER | {"event_id": "match 2", "away_team": None}, "missing", "away_team", "match 2"),
        (OTHER | {"event_id": -2}, "out_of_range", "event_id", None),
        (OTHER | {"event_id": 2.5}, "wrong_type", "event_id", None),
        ("DERBY", "wrong_type", "", None),
        (None, "wrong_type", "", None),
        ([], "wrong_type", "", None),
    ],
)
def test_a_selection_that_cannot_be_read_is_noted_and_the_others_are_kept(selection, code, field, event_id):
    assert unread(selection) == (code, field, event_id, [1])


@pytest.mark.parametrize("odd", [1, 1.0, "1.00", 0, 0.5, "0", None, -2])
def test_a_void_selection_is_kept_without_an_odd(odd):
    row = accepted(decode_coupon, coupon(recommended_events=[OTHER | {"odd": odd}, READABLE]))
    assert [each.odd for each in row.recommended_events] == [None, Decimal("2.5")]
    assert row.unread_selections is None


def test_a_selection_without_an_odd_is_void():
    row = accepted(decode_coupon, coupon(recommended_events=[without(OTHER, "odd")]))
    assert row.recommended_events[0].odd is None


@pytest.mark.parametrize(
    ("odd", "code"),
    [("-", "wrong_type"), ("2,50", "wrong_type"), (True, "wrong_type"), ({}, "wrong_type"), (1e9, "out_of_range")],
)
def test_a_selection_whose_odd_is_no_odd_is_kept_without_it_and_noted(odd, code):
    assert unread(OTHER | {"odd": odd}) == (code, "odd", 2, [1, 2])


@pytest.mark.parametrize("teams", [{}, {"home_team": None, "away_team": None}, {"home_team": "", "away_team": ""}])
def test_a_selection_of_a_one_sided_event_has_its_name(teams):
    selection = {"sport": "GOLF", "name": "The Open", "odd": 7, "league": None} | teams
    row = accepted(decode_coupon, coupon(recommended_events=[selection]))
    [found] = row.recommended_events
    assert (found.home_team, found.away_team, found.league, found.country) == ("THE OPEN", "", "", "")
    assert row.unread_selections is None


def test_a_selection_with_one_team_and_a_name_lacks_the_other_team():
    assert unread(without(OTHER, "home_team") | {"name": "Derby"}) == ("missing", "home_team", 2, [1])


def test_a_coupon_of_which_only_an_events_id_can_be_read_is_accepted():
    row = accepted(decode_coupon, coupon(recommended_events=["DERBY", without(OTHER, "away_team")]))
    assert (row.recommended_events, row.held_events) == ((), [2])
    assert [each.number for each in row.unread_selections or ()] == [0, 1]


def test_a_coupon_of_which_no_selection_can_be_read_is_rejected_with_the_first_problem():
    selections = ["DERBY", SELECTION | {"sport": ""}]
    assert rejected(decode_coupon, coupon(recommended_events=selections)) == ("wrong_type", "recommended_events[0]")


def test_a_selection_of_any_sport_is_read():
    message = coupon(recommended_events=[READABLE, OTHER | {"sport": "curling"}])
    row = accepted(decode_coupon, message)
    assert (row.unread_selections, row.recommended_events[1].sport) == (None, "CURLING")


@pytest.mark.parametrize("stake", [0, 0.0, "0", "0.00"])
def test_a_free_bet_has_a_stake_of_zero(stake):
    assert str(accepted(decode_coupon, coupon(stake=stake)).stake) == "0.00"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("00000000-0000-0000-0000-000000000007", UUID(int=7)),
        (None, None),
        ("slip 7", None),
        (7, None),
        ({"id": 7}, None),
    ],
)
def test_a_coupon_counts_whatever_it_says_of_its_recommendation(given, read):
    assert accepted(decode_coupon, coupon(recommendation_id=given)).recommendation_id == read
