"""A casino's trends: tallied as coupons are stored, cached, aligned with the offer."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from recommendations.models import CasinoTally
from recommendations.offer import read_offer
from recommendations.serving import load
from recommendations.storing import prune_casino_tallies, store_coupons, store_events, store_users
from recommendations.storing.casino_tallies import merge_casino_sums
from recommendations.tallies.trend_cache import MAX_VALUES, decode_trends
from recommendations.tallies.trends import Trends
from recommendations.tests.factories import coupon_row, event_row, league, offer_of, selection_row, team, user_row
from recommendations.tests.recommend import recommend
from tenants.routing.connections import execute
from tenants.routing.context import use_casino


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, casino_b, now):
    with use_casino(casino_b.current):
        store_users([user_row(id=1)])
        store_coupons([bet(now, league="OF CASINO B")])
    with use_casino(casino_a.current):
        store_users([user_row(id=1), user_row(id=2)])
        yield


def bet(timestamp, user_id=1, **selection):
    return coupon_row(user_id=user_id, timestamp=timestamp, recommended_events=(selection_row(**selection),))


def trends_at(now):
    return load.find([1], now, now.timestamp()).casino_context.trends


def tallies():
    merge_casino_sums()
    return {(row.attribute, row.value): row for row in CasinoTally.objects.all()}


def test_recent_selections_have_a_higher_weight(now):
    store_coupons([bet(now, league="NEW"), bet(now - timedelta(days=1), league="OLD")])
    merge_casino_sums()
    trends = trends_at(now)
    assert trends.recent["league"] == pytest.approx({league("NEW"): 1.0, league("OLD"): 0.5}, abs=1e-6)
    assert trends.weights["league"] == pytest.approx({league("NEW"): 1.0, league("OLD"): 2 ** (-1 / 30)}, abs=1e-6)


def test_trends_decay_without_bets(now):
    store_coupons([bet(now, league="L")])
    merge_casino_sums()
    assert trends_at(now + timedelta(days=2)).recent["league"] == pytest.approx({league("L"): 0.25}, abs=1e-6)


def test_events_are_counted_by_id_or_by_match(now):
    store_coupons([bet(now, event_id=2), bet(now, home_team="H3", away_team="A3"), bet(now, home_team="ELSEWHERE")])
    merge_casino_sums()
    offer = offer_of({}, {}, {}, {})
    assert list(trends_at(now).of_offer(offer)) == pytest.approx([0, 1, 1, 0], abs=1e-6)


def test_an_event_whose_team_becomes_known_has_its_trend():
    trends, unknown = Trends(match_trends={(team("H1"), team("A1")): 3.0}), offer_of({"away_team": "TBD"}, {})
    assert list(trends.of_offer(unknown)) == [0, 0]
    known = unknown.patched(2, offer_of({}))
    assert list(trends.of_offer(known)) == [3, 0]
    assert trends.of_offer(known.patched(3, offer_of({"odd": Decimal(9)}))) is trends.of_offer(known)


def test_trends_of_events_outside_the_offer_are_ignored():
    trends = Trends({}, {"league": {"GONE": 1.0}}, np.array([77]), np.array([3.0]), {("X", "X"): 1.0})
    assert list(trends.of_offer(offer_of({}, {}))) == [0, 0]
    assert list(trends.of_offer(offer_of())) == []
    assert list(trends.of_column("league", offer_of({}).league)) == [0]


def test_no_rows_give_no_trends():
    assert not decode_trends(None)
    assert decode_trends('[["event", "7", 1.0, 1.0, 1, 1.0]]')


def test_invalid_event_ids_are_ignored():
    trends = decode_trends(
        '[["event", "-5", 1, 1, 1, 1], ["event", "99999999999999999999", 1, 1, 1, 1], ["event", "7", 1, 1, 1, 1]]'
    )
    assert list(trends.event_ids) == [7]


def test_unreadable_tallies_are_no_trends(now, caplog):
    """Their JSON has no numbers, but texts."""
    store_coupons([bet(now, league="L")])
    merge_casino_sums()
    CasinoTally.objects.filter(attribute="league").update(weight=float("nan"))
    assert not trends_at(now)
    assert "are unreadable; run rebuild_profiles" in caplog.text


def test_expired_trends_are_read_again_by_the_same_query(now, settings):
    settings.TRENDS_SECONDS = 10
    assert not trends_at(now)
    store_coupons([bet(now, league="L")])
    merge_casino_sums()
    assert not trends_at(now + timedelta(seconds=9))
    assert trends_at(now + timedelta(seconds=11)).recent["league"][league("L")] == pytest.approx(1, abs=0.01)


def test_popular_events_are_recommended_to_users_without_bets_on_them(now):
    events = [event_row(id=n, home_team=f"H{n}", away_team=f"A{n}") for n in range(1, 6)]
    store_events(events)
    store_coupons([bet(now, user_id=2, event_id=4), bet(now, user_id=2, event_id=4), bet(now, user_id=2, event_id=2)])
    merge_casino_sums()
    slip = recommend(casino_id=1, recommender_type="trending", user_id=1, now=now)
    assert [event.event_id for event in slip.recommended_events[:2]] == [4, 2]
    assert slip.recommended_events[0].reasons[0] == "H4 vs A4 is popular today"


def test_a_message_sent_twice_counts_once(now):
    row = bet(now, league="L")
    for _ in range(3):
        store_coupons([row])
    assert tallies()["league", league("L")].count == 1


def test_pruning_deletes_only_events_that_are_over_and_negligible_values(now):
    begin, end = now - timedelta(hours=3), now - timedelta(hours=1)
    over = event_row(id=1, begin_timestamp=begin, end_timestamp=end)
    store_events([over, event_row(id=2, home_team="X", odd=Decimal(2))])
    store_coupons([bet(begin, event_id=1), bet(begin, event_id=2), bet(now - timedelta(days=999), league="LONG AGO")])
    prune_casino_tallies(now)
    stored = {key for key in tallies() if key[0] in {"event", "league"}}
    assert stored == {("event", "2"), ("league", league())}
    assert len(read_offer(now)) == 1


def test_no_more_values_of_an_attribute_are_read_than_storing_keeps(now):
    fill = (
        "INSERT INTO casino_tallies (attribute, value, count, weight, trend, as_of) "
        "SELECT 'league', 'L' || number, 1, 1, 1, %s FROM generate_series(1, %s) AS number"
    )
    execute(fill, [now.timestamp(), MAX_VALUES + 1_000])
    assert len(trends_at(now).weights["league"]) == MAX_VALUES
