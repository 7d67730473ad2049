"""The casino's tallies equal a recount of all its coupons."""

from copy import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from recommendations.models import CasinoTally, PendingCasinoSums
from recommendations.storing import prune_casino_tallies, store_coupons, store_events, store_users
from recommendations.storing.casino_tallies import MAX_VALUES, MERGE_SECONDS, merge_casino_sums
from recommendations.tests.factories import (
    FIRST_MESSAGE,
    at,
    coupon_row,
    event_row,
    league,
    removal,
    selection_row,
    team,
    user_row,
)
from recommendations.tests.profile_counts import assert_casino_tallies_equal_a_recount
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        store_users([user_row(id=1)])
        yield


def bet(timestamp=NOW, coupon_id=None, odd="2.5", **fields):
    fields["odd"] = Decimal(odd)
    store_coupons([coupon_row(id=coupon_id, timestamp=timestamp, recommended_events=(selection_row(**fields),))])


def values(attribute):
    return set(CasinoTally.objects.filter(attribute=attribute).values_list("value", flat=True))


def test_sums_stay_unmerged_until_a_later_call_merges_them():
    for _ in range(3):
        bet()
    assert (PendingCasinoSums.objects.count(), CasinoTally.objects.count()) == (3, 0)
    PendingCasinoSums.objects.update(added_at=NOW - timedelta(seconds=MERGE_SECONDS + 1))
    bet()
    assert not PendingCasinoSums.objects.exists()
    assert CasinoTally.objects.get(attribute="league").count == 4
    assert_casino_tallies_equal_a_recount()


def test_a_row_has_the_lifetime_count_and_decayed_weight_and_trend():
    bet(NOW - 30 * DAY, odd="2")
    bet(NOW - 1 * DAY, odd="2")
    bet(NOW, odd="9")
    prune_casino_tallies(NOW)
    row = CasinoTally.objects.get(attribute="league")
    assert (row.value, row.count, row.as_of) == (league(), 3, NOW.timestamp())
    assert row.weight == pytest.approx(0.5 + 2 ** (-1 / 30) + 1)
    assert row.trend == pytest.approx(2**-30 + 0.5 + 1)
    assert values("odds_band") == {"5", "9"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_old_and_new_coupons_can_arrive_in_any_order(order):
    times = [datetime(2001, 1, 1, tzinfo=UTC), FIRST_MESSAGE, NOW]
    for place in order:
        bet(times[place])
        assert_casino_tallies_equal_a_recount()


def test_selections_that_coupons_of_a_call_share_count_in_each():
    shared, other, equal = (
        selection_row(league="A"),
        selection_row(league="B", odd=Decimal(9)),
        selection_row(league="A"),
    )
    slips = [(shared, other), (shared,), (equal,), (other,)]
    store_coupons([coupon_row(timestamp=at(day), recommended_events=slip) for day, slip in enumerate(slips)])
    assert_casino_tallies_equal_a_recount()
    counted = CasinoTally.objects.filter(attribute="league").values_list("value", "count")
    assert dict(counted) == {league("A"): 3, league("B"): 2}


def test_a_changed_copy_of_a_counted_selection_counts_as_what_it_is():
    counted = selection_row(event_id=1, league="A")
    store_coupons([coupon_row(timestamp=NOW, recommended_events=(counted,))])
    changed = copy(counted)
    changed.event_id, changed.league, changed.odd = 2, "B", Decimal(9)
    store_coupons([coupon_row(timestamp=NOW, recommended_events=(counted, changed))])
    assert_casino_tallies_equal_a_recount()
    assert (values("league"), values("event")) == ({league("A"), league("B")}, {"1", "2"})


def test_removed_coupons_are_subtracted():
    bet(at(0), coupon_id=1, league="A")
    bet(at(5), coupon_id=2, league="B")
    store_coupons([removal(1, 99)])
    assert_casino_tallies_equal_a_recount()
    prune_casino_tallies(at(5))
    assert values("league") == {league("B")}


def test_values_with_few_recent_selections_are_pruned():
    bet(at(0), league="OLD", country="SPAIN")
    bet(at(0) + 400 * DAY, league="NEW", country="SPAIN")
    prune_casino_tallies(at(0) + 400 * DAY)
    assert (values("league"), values("country")) == ({league("NEW", country="SPAIN")}, {"SPAIN"})


def event_times(begin):
    return {"begin_timestamp": begin, "end_timestamp": begin + timedelta(hours=2)}


def test_events_are_pruned_when_over_and_unknown_ones_a_day_after_their_last_bet():
    snowflake = 2**61 + 3
    store_events([event_row(id=1, **event_times(NOW + DAY)), event_row(id=2, **event_times(NOW - DAY))])
    store_events([event_row(id=snowflake, home_team="HULL", **event_times(NOW + 9 * DAY))])
    store_events([event_row(home_team="LEEDS", **event_times(NOW + 9 * DAY))])
    store_events([event_row(home_team="YORK", **event_times(NOW - DAY))])
    for event_id in (1, 2, 3, snowflake):
        bet(event_id=event_id)
    for home_team in ("LEEDS", "YORK", "BATH"):
        bet(home_team=home_team)
    leeds, bath = (f"{team(home)}\x1fCHELSEA" for home in ("LEEDS", "BATH"))
    prune_casino_tallies(NOW + timedelta(hours=1))
    assert values("event") == {"1", "3", str(snowflake), leeds, bath}
    prune_casino_tallies(NOW + 1.5 * DAY)
    assert values("event") == {str(snowflake), leeds}
    assert team("BATH") in values("home_team")


def test_pruning_an_empty_casino_changes_nothing():
    prune_casino_tallies(NOW)
    assert not CasinoTally.objects.exists()


_FILL = """
INSERT INTO casino_tallies (attribute, value, count, weight, trend, as_of)
SELECT 'league', 'L' || number, 1, 1 + number / 1e6, 1, %s FROM generate_series(1, %s) AS number
"""


def test_a_casino_of_ever_new_names_keeps_the_heaviest_values():
    execute(_FILL, [NOW.timestamp(), MAX_VALUES * 2])
    for _ in range(3):
        bet(league="HABIT")
    bet(NOW - 3_000 * DAY, league="LONG AGO")
    merge_casino_sums()
    leagues = values("league")
    assert len(leagues) == MAX_VALUES
    assert {league("HABIT"), f"L{MAX_VALUES * 2}"} <= leagues
    assert not {league("LONG AGO"), "L1"} & leagues
    assert values("country") == {"ENGLAND"}


@pytest.mark.exhaustive
def test_a_merge_of_very_many_selections_is_done_in_parts():
    new = [tuple(selection_row(home_team=f"H{n}.{m}") for m in range(50)) for n in range(200)]
    store_coupons([coupon_row(timestamp=NOW, recommended_events=each) for each in new])
    assert not merge_casino_sums()
    assert 0 < len(values("home_team")) < 10_000
    while not merge_casino_sums():
        pass
    assert len(values("home_team")) == 10_000
    assert_casino_tallies_equal_a_recount()
