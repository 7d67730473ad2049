"""`inference_score`: points for attributes that an event shares with the user and the user's coupons."""

import random
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from recommendations.recommenders.base import BettingProfile, ScoringContext
from recommendations.recommenders.inference_score import POINTS_FOR_TOP_VALUES, InferenceScore
from recommendations.tests.factories import (
    EventFactory,
    TalliedCouponFactory,
    UserFactory,
    keys_of,
    league,
    offer_of,
    selection,
    team,
)
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

VALUES = {
    "country": ["ENGLAND", "SPAIN", "BRAZIL", "GREECE"],
    "sport": ["FOOTBALL", "BASKETBALL", "HANDBALL"],
    "league": [f"LEAGUE {n}" for n in range(6)],
    "home_team": [f"TEAM {n}" for n in range(8)],
    "away_team": [f"GUEST {n}" for n in range(8)],
}


def points_by_the_book(event, user_country, favorite_sport, selections):
    """The contract's table, row by row. Equally frequent values are ordered alphabetically."""
    score = 0
    if event["country"] == user_country:
        score += 1
    if event["sport"] == favorite_sport:
        score += 1
    for field, top, second in (
        ("country", 2, 1),
        ("sport", 2, 1),
        ("league", 3, 2),
        ("home_team", 4, 3),
        ("away_team", 4, 3),
    ):
        frequency = Counter(keys_of(**each)[field] for each in selections)
        ranking = sorted(frequency, key=lambda value: (-frequency[value], value))
        if ranking[:1] == [keys_of(**event)[field]]:
            score += top
        if ranking[1:2] == [keys_of(**event)[field]]:
            score += second
    return score


def points(context):
    """The scores without the random part below 1 that orders equal points."""
    return np.floor(InferenceScore().score(context))


def match_of(event):
    return tuple(event[field] for field in ("sport", "country", "home_team", "away_team"))


def random_event(rng):
    return {field: rng.choice(values) for field, values in VALUES.items()}


@pytest.mark.parametrize("seed", range(25))
def test_the_chosen_slip_has_the_highest_sum_of_points_that_is_possible(casino_a, seed):
    rng = random.Random(seed)
    events = [
        random_event(rng) | {"home_team": f"TEAM {n}", "away_team": f"GUEST {n}"} for n in range(rng.choice([2, 5, 40]))
    ]
    coupons = [[random_event(rng) for _ in range(rng.randint(1, 4))] for _ in range(rng.choice([0, 1, 3, 12]))]
    country, sport = rng.choice([*VALUES["country"], "NOWHERE"]), rng.choice(VALUES["sport"])
    with use_casino(casino_a.current):
        UserFactory.create(id=1, country=country, favorite_sport=sport)
        EventFactory.create_each(events)
        TalliedCouponFactory.create_each(
            {"user_id": 1, "recommended_events": [selection(**each) for each in selections]} for selections in coupons
        )
        slip = recommend(casino_id=1, recommender_type="inference_score", user_id=1, now=datetime.now(UTC))
    bets = [each for selections in coupons for each in selections]
    held = [match_of(bet) for bet in bets]
    free = [event for event in events if match_of(event) not in held]
    scores = sorted((points_by_the_book(event, country, sport, bets) for event in free), reverse=True)
    shown = [{field: getattr(event, field) for field in VALUES} for event in slip.recommended_events]
    assert [points_by_the_book(event, country, sport, bets) for event in shown] == scores[:3]


@pytest.mark.parametrize(
    ("event", "worth"),
    [
        ({}, 0),
        ({"country": "OWN"}, 1),
        ({"sport": "FAVORITE"}, 1),
        ({"country": "TOP"}, 2),
        ({"country": "SECOND"}, 1),
        ({"sport": "TOP"}, 2),
        ({"sport": "SECOND"}, 1),
        ({"league": "TOP"}, 3),
        ({"league": "SECOND"}, 2),
        ({"home_team": "TOP"}, 4),
        ({"home_team": "SECOND"}, 3),
        ({"away_team": "TOP"}, 4),
        ({"away_team": "SECOND"}, 3),
        ({"league": "THIRD"}, 0),
        ({"home_team": "AWAY TOP"}, 0),
        ({"country": "TOP", "sport": "TOP", "league": "TOP", "home_team": "TOP", "away_team": "TOP"}, 15),
    ],
)
def test_each_row_of_the_table_is_worth_its_points(event, worth):
    whole = dict.fromkeys(VALUES, "NOTHING") | event
    top_values = {
        field: tuple(keys_of(**whole | {field: value})[field] for value in ("TOP", "SECOND")) for field in VALUES
    }
    profile = BettingProfile(country="OWN", favorite_sport="FAVORITE", top_values=top_values)
    assert list(points(ScoringContext(offer_of(whole), profile))) == [worth]


@pytest.mark.parametrize(
    ("other", "worth"),
    [({}, 3 + 4 + 4), ({"country": "EUROPE"}, 0), ({"sport": "HANDBALL"}, 0), ({"category": "WOMEN"}, 3)],
)
def test_a_league_or_team_of_the_same_name_elsewhere_is_worth_nothing(other, worth):
    home, away = team("LIVERPOOL"), team("EVERTON")
    top_values = {"league": (league(),), "home_team": (home,), "away_team": (away,)}
    offer = offer_of({"home_team": "LIVERPOOL", "away_team": "EVERTON"} | other)
    assert list(points(ScoringContext(offer, BettingProfile(top_values=top_values)))) == [worth]


def test_own_country_and_top_country_add_up():
    profile = BettingProfile(
        country="SPAIN", favorite_sport="HANDBALL", top_values={"country": ("SPAIN",), "sport": ("HANDBALL",)}
    )
    assert list(points(ScoringContext(offer_of({"country": "SPAIN", "sport": "HANDBALL"}), profile))) == [6]


def test_the_random_part_only_decides_between_equal_points():
    rng = random.Random(1)
    events = [random_event(rng) for _ in range(50)]
    whole = {field: values[0] for field, values in VALUES.items()}
    top_values = {
        field: tuple(keys_of(**whole | {field: value})[field] for value in values[:2])
        for field, values in VALUES.items()
    }
    profile = BettingProfile("ENGLAND", "FOOTBALL", (), top_values)
    expected = np.array(
        [
            (event["country"] == "ENGLAND")
            + (event["sport"] == "FOOTBALL")
            + sum(
                worth
                for field, worths in POINTS_FOR_TOP_VALUES.items()
                for value, worth in zip(top_values[field], worths, strict=False)
                if keys_of(**event)[field] == value
            )
            for event in events
        ]
    )
    random_part = InferenceScore().score(ScoringContext(offer_of(*events), profile)) - expected
    assert ((random_part >= 0) & (random_part < 1)).all()
    assert len(set(expected)) > 3


def test_without_any_history_random_events_fill_the_slip(casino_a):
    with use_casino(casino_a.current):
        EventFactory.create_batch(30, country="SPAIN", sport="HANDBALL")
        for user_id in range(1, 9):
            UserFactory.create(id=user_id, country="NOWHERE", favorite_sport="FOOTBALL")
        slips = {
            recommend(
                casino_id=1, recommender_type="inference_score", user_id=user_id, now=datetime.now(UTC)
            ).recommended_events
            for user_id in range(1, 9)
        }
    assert {len(slip) for slip in slips} == {3}
    assert len(slips) > 5


def test_coupons_of_other_users_give_no_points(casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=1, country="SPAIN", favorite_sport="HANDBALL")
        TalliedCouponFactory.create_batch(3, user_id=2, recommended_events=[selection(league="THEIRS")])
        EventFactory.create_batch(9, league="THEIRS")
        EventFactory.create_batch(3, league="X", country="SPAIN")
        slip = recommend(casino_id=1, recommender_type="inference_score", user_id=1, now=datetime.now(UTC))
    assert {event.league for event in slip.recommended_events} == {"X"}
