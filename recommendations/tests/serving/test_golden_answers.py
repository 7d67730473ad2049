"""Answers for casinos that send `odd` alone, byte for byte those of an earlier release: `golden_answers.json`."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.services import configure, recommend_mapped
from recommendations.serving.request_filters import parse_filters
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.factories import coupon_row, event_row, selection_row, user_row
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

NOW = datetime(2050, 6, 1, 12, 30, tzinfo=UTC)
GOLDEN = Path(__file__).with_name("golden_answers.json")
# schema, options and filters
CASES = (("contract", 0, 0), ("contract", 1, 1), ("own", 0, 1), ("own", 1, 0))
USERS = (1, 2, 3)
FILTERS: tuple[dict[str, Any], ...] = ({}, {"limit": 4, "sport": "FOOTBALL,TENNIS", "exclude": "3,4"})
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"live_events": True, "min_odd": 1.5, "max_per_league": 1, "pinned": {"teams": ["TEAM 5"]}},
)
SCHEMAS: dict[str, dict[str, Any]] = {
    "contract": {
        "user_id": {"type": "int", "source_field": "id"},
        "bet": {"type": "float", "source_field": "stake"},
        "time": {"type": "float", "source_field": "timestamp"},
        "events": {"type": "list", "source_field": "recommended_events"},
    },
    "own": {
        "total": {"type": "string", "source_field": "total_odds"},
        "wins": {"type": "float", "source_field": "potential_return"},
        "until": {"type": "string", "source_field": "expires_at"},
        "why": {"type": "string", "source_field": "reasons"},
        "bets": {
            "type": "list",
            "source_field": "recommended_events",
            "fields": {
                "id": {"type": "int", "source_field": "event_id"},
                "what": {"type": "string", "source_field": "name"},
                "price": {"type": "string", "source_field": "odd"},
                "starts": {"type": "string", "source_field": "begin_timestamp"},
                "why": {"type": "list", "source_field": "reasons"},
            },
        },
    },
}


@pytest.fixture
def casino(casino_a, casino_b):
    with use_casino(casino_a.current):
        _store_rows()
        yield casino_a


def _store_rows() -> None:
    """60 events in five sports, three users, and coupons of two of them."""
    rng = random.Random(20)
    events = [_event(number, rng) for number in range(1, 61)]
    store_events(events)
    store_users([user_row(id=each, favorite_sport="TENNIS", currency="EUR") for each in USERS])
    coupons = [
        coupon_row(
            id=number,
            user_id=rng.choice(USERS[:2]),
            stake=Decimal(rng.randint(5, 50)),
            timestamp=NOW - timedelta(hours=rng.randint(1, 600)),
            recommended_events=tuple(_selection(rng.choice(events)) for _ in range(3)),
        )
        for number in range(1, 41)
    ]
    store_coupons(coupons)


def _event(number: int, rng: random.Random) -> Any:
    sport = rng.choice(("FOOTBALL", "TENNIS", "HANDBALL", "ICE HOCKEY", "SNOOKER"))
    begin = NOW + timedelta(minutes=rng.randint(-60, 3_000))
    return event_row(
        id=number,
        sport=sport,
        league=f"{sport} LEAGUE {rng.randint(1, 3)}",
        country=rng.choice(("ENGLAND", "SPAIN", "BRAZIL")),
        home_team=f"TEAM {rng.randint(1, 20)}",
        away_team=f"TEAM {rng.randint(21, 40)}",
        odd=Decimal(rng.randint(1_050, 9_000)) / 1_000,
        begin_timestamp=begin,
        end_timestamp=begin + timedelta(hours=2),
    )


def _selection(event: Any) -> Any:
    names = ("sport", "league", "country", "home_team", "away_team", "odd")
    return selection_row(event_id=None, **{name: getattr(event, name) for name in names})


def answers_of(casino: Any) -> dict[str, str]:
    """Without scores, whose last digits depend on the processor."""
    found = {}
    for recommender, (schema, options, filters) in product(RECOMMENDERS, CASES):
        configure(
            casino=casino,
            recommender_type=recommender,
            recommendation_schema=SCHEMAS[schema],
            options=OPTIONS[options],
            now=NOW,
        )
        answers = recommend_mapped(casino=casino, user_ids=USERS, now=NOW, filters=parse_filters(FILTERS[filters]))
        name = f"{recommender}, {schema} schema, options {options}, filters {filters}"
        found[name] = msgspec.json.encode(list(answers.values())).decode()
    return found


def test_a_casino_without_markets_gets_the_answers_of_before_byte_for_byte(casino):
    golden = msgspec.json.decode(GOLDEN.read_bytes(), type=dict[str, str])
    answers = answers_of(casino)
    assert answers.keys() == golden.keys()
    for name, answer in golden.items():
        assert answers[name] == answer, name
