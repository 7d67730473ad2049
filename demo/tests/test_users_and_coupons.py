"""The demo's users and coupons, which follow betting preferences, and its odds."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec import UNSET

from demo.bets import liked_bet
from demo.casino_messages import USERS, casino_messages, scheduled_fixtures
from demo.casinos import DEMO_CASINOS
from demo.odds import home_odd
from recommendations.validation.markets import OddsRow

pytestmark = pytest.mark.slow

NOW = datetime(2027, 3, 3, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def messages():
    return casino_messages(DEMO_CASINOS[0], scheduled_fixtures(NOW), NOW)


def markets_of(event):
    assert isinstance(event.markets, OddsRow)
    return event.markets.markets


@pytest.mark.covered
def test_coupons_were_bought_in_the_past_on_events_that_had_not_begun(messages):
    begins = {event.id: event.begin_timestamp for event in messages.events}
    for coupon in messages.coupons:
        assert coupon.timestamp < NOW
        assert all(begins[selection.event_id] > coupon.timestamp for selection in coupon.recommended_events)


def test_no_coupon_selects_an_event_twice(messages):
    for coupon in messages.coupons:
        ids = [selection.event_id for selection in coupon.recommended_events]
        assert len(ids) == len(set(ids))


def test_coupons_are_in_time_order_with_unique_ids(messages):
    assert all(one.timestamp <= other.timestamp and one.id < other.id for one, other in pairwise(messages.coupons))


def test_users_bet_on_their_favourite_league_far_more_often_than_chance(messages):
    leagues = {user.id: user.favorite_league for user in messages.users}
    selections = [(coupon.user_id, each) for coupon in messages.coupons for each in coupon.recommended_events]
    share = sum(leagues[user_id] == each.league for user_id, each in selections) / len(selections)
    others = list(leagues.values())
    random.Random(1).shuffle(others)
    shuffled = dict(zip(leagues, others, strict=True))
    chance = sum(shuffled[user_id] == each.league for user_id, each in selections) / len(selections)
    assert share > 0.5 > 3 * chance


def test_messages_are_deterministic(messages):
    assert casino_messages(DEMO_CASINOS[0], scheduled_fixtures(NOW), NOW) == messages


@pytest.mark.no_cover
def test_a_demo_started_later_has_as_many_coupons(messages):
    later = NOW + timedelta(hours=30)
    assert len(casino_messages(DEMO_CASINOS[0], scheduled_fixtures(later), later).coupons) == len(messages.coupons)


def test_coupons_of_a_casino_with_markets_name_offered_outcomes_that_users_like():
    casino = next(each for each in DEMO_CASINOS if each.has_markets)
    messages = casino_messages(casino, scheduled_fixtures(NOW), NOW)
    offered = {
        (event.id, market.market, market.line or UNSET, outcome): Decimal(odd) / 1_000
        for event in messages.events
        for market in markets_of(event)
        for outcome, odd in zip(market.outcomes, market.odds, strict=True)
    }
    selections = [(coupon.user_id, each) for coupon in messages.coupons for each in coupon.recommended_events]
    assert all(offered[each.event_id, each.market, each.line, each.outcome] == each.odd for _, each in selections)
    liked = [each.outcome in liked_bet(int(user_id)).outcomes for user_id, each in selections]
    assert sum(liked) / len(liked) > 0.5


@pytest.mark.covered
def test_a_bookmakers_markets_have_a_margin_and_more_is_less_likely():
    casino = next(each for each in DEMO_CASINOS if each.has_markets)
    for event in casino_messages(casino, scheduled_fixtures(NOW), NOW).events:
        overs = [market.odds[0] for market in markets_of(event) if market.market == "TOTALS"]
        assert overs == sorted(overs)
        assert all(sum(1_000 / odd for odd in market.odds) > 1.0 for market in markets_of(event))


def test_other_casinos_have_an_odd_alone(messages):
    assert all(event.markets is UNSET for event in messages.events)
    assert all(each.market is UNSET for coupon in messages.coupons for each in coupon.recommended_events)


@pytest.mark.no_cover
def test_casinos_share_user_ids_and_have_different_offers():
    fixtures = scheduled_fixtures(NOW)
    each = [casino_messages(casino, fixtures, NOW) for casino in DEMO_CASINOS]
    assert all([user.id for user in one.users] == list(range(1, USERS + 1)) for one in each)
    assert len({len(one.events) for one in each}) == len(DEMO_CASINOS)
    assert len({one.users[0].name + one.users[0].surname for one in each}) > 1


def test_odds_are_decimal_above_one_and_lower_with_a_margin():
    fair, with_margin = (home_odd("FOOTBALL", "ARSENAL", "CHELSEA", margin=margin) for margin in (0.0, 0.1))
    assert Decimal(1) < with_margin < fair
    assert home_odd("FOOTBALL", "ARSENAL", "CHELSEA", margin=0.0) == fair


def test_stronger_home_team_has_the_lower_odd():
    odds = {team: home_odd("FOOTBALL", team, "CHELSEA", margin=0.05) for team in ("ARSENAL", "LEEDS", "HULL", "DERBY")}
    reverse = {team: home_odd("FOOTBALL", "CHELSEA", team, margin=0.05) for team in odds}
    assert sorted(odds, key=lambda team: odds[team]) == sorted(reverse, key=lambda team: -reverse[team])
