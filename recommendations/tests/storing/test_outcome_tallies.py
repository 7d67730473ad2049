"""The casino's tallies of outcomes: of bets, and of the offer."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from recommendations.models import CasinoTally, Market, MarketLine, MarketStatus, PendingCasinoSums
from recommendations.recommenders.base import NOBODY
from recommendations.recommenders.outcome_choice import OfferedOutcomes, outcome_preferences, score_outcomes
from recommendations.storing import (
    count_offered_outcomes,
    prune_casino_tallies,
    rebuild_casino_tallies,
    rebuild_profiles,
    store_coupons,
    store_users,
)
from recommendations.storing.casino_tallies import CasinoSums, add_to_casino_tallies, merge_casino_sums
from recommendations.tallies.outcome_keys import OFFERED_ATTRIBUTES, OUTCOME_ATTRIBUTES
from recommendations.tallies.selections import TallySelection
from recommendations.tallies.trend_cache import TRENDS, decode_trends
from recommendations.tests.factories import (
    CouponFactory,
    EventFactory,
    UserFactory,
    coupon_row,
    removal,
    selection,
    selection_row,
    user_row,
)
from recommendations.tests.profile_counts import assert_casino_tallies_equal_a_recount
from recommendations.tests.user_context_of import read_tallies
from tenants.routing.connections import casino_connection, query
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)
OVER = {"market": "TOTALS", "line": "2.5", "outcome": "OVER"}
HIGH = {"market": "TOTALS", "line": "219.5", "outcome": "UNDER", "sport": "BASKETBALL"}
HOME = {"market": "1X2", "outcome": "HOME"}


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        yield


def bets(*selections, sign=1):
    found = [TallySelection("FOOTBALL", "L", "C", "A", "B", odd=2.5) for _ in selections]
    for each, fields in zip(found, selections, strict=True):
        for name, value in fields.items():
            setattr(each, name, value)
    add_to_casino_tallies([(NOW.timestamp(), found)], sign=sign)


def counts(*attributes):
    merge_casino_sums()
    rows = CasinoTally.objects.filter(attribute__in=attributes or OUTCOME_ATTRIBUTES)
    return {(row.attribute, row.value.replace("\x1f", "/")): row.count for row in rows}


def trends():
    [(rows,)] = query(f"SELECT {TRENDS}".replace("%(hour)s", str(NOW.timestamp())))
    return decode_trends(rows)


def test_a_bet_on_an_outcome_counts_for_its_market_line_outcome_and_odds_in_its_sport():
    bets(OVER, OVER, HIGH, HOME, {})
    assert counts() == {
        ("market", "FOOTBALL/TOTALS"): 2, ("market", "FOOTBALL/1X2"): 1, ("market", "BASKETBALL/TOTALS"): 1,
        ("market_line", "FOOTBALL/TOTALS/2.5"): 2, ("market_line", "FOOTBALL/1X2/"): 1,
        ("market_line", "BASKETBALL/TOTALS/220"): 1,
        ("market_outcome", "FOOTBALL/TOTALS/OVER"): 2, ("market_outcome", "FOOTBALL/1X2/HOME"): 1,
        ("market_outcome", "BASKETBALL/TOTALS/UNDER"): 1,
        ("market_odds_band", "FOOTBALL/6"): 3, ("market_odds_band", "BASKETBALL/6"): 1,
    }  # fmt: skip
    assert counts("odds_band") == {("odds_band", "6"): 5}


def test_a_removed_bet_on_an_outcome_is_subtracted():
    bets(OVER, HOME)
    bets(OVER, sign=-1)
    counts()
    prune_casino_tallies(NOW)
    assert counts("market") == {("market", "FOOTBALL/1X2"): 1}


def test_a_selection_without_an_outcome_counts_for_no_market():
    bets({}, {"market": "TOTALS"}, {"outcome": "OVER"})
    assert counts() == {}


def test_a_void_bet_has_no_odds_band():
    bets(OVER | {"odd": None})
    assert {attribute for attribute, _ in counts()} == {"market", "market_line", "market_outcome"}


def test_sums_of_the_release_before_are_merged():
    encoded = msgspec.msgpack.encode([1.0, {}])
    assert msgspec.msgpack.decode(encoded, type=CasinoSums) == CasinoSums(1.0)


def test_very_many_different_outcomes_are_stored_in_parts():
    bets(*(OVER | {"outcome": f"O{number}"} for number in range(9_000)))
    assert PendingCasinoSums.objects.count() == 3
    while not merge_casino_sums():
        pass
    assert counts("market") == {("market", "FOOTBALL/TOTALS"): 9_000}


def test_a_rebuild_counts_the_outcomes_of_the_coupons_and_leaves_what_was_offered():
    user = UserFactory.create()
    for fields in (OVER, HIGH, HOME, {}):
        CouponFactory.create(user=user, recommended_events=[selection(**fields), selection()])
    CasinoTally.objects.create(
        attribute=OFFERED_ATTRIBUTES[0], value="FOOTBALL\x1fTOTALS", count=7, weight=7, trend=0, as_of=1
    )
    assert sum(rebuild_profiles()) == 1
    rebuild_casino_tallies()
    assert counts("offered_market") == {("offered_market", "FOOTBALL/TOTALS"): 7}
    CasinoTally.objects.filter(attribute__in=OFFERED_ATTRIBUTES).delete()
    assert_casino_tallies_equal_a_recount()
    assert {each.market for each in read_tallies(user.pk).recent} == {"TOTALS", "1X2", ""}


def offer(
    market="TOTALS", line="2.5", outcomes=("OVER", "UNDER"), odds=(1900, 2600), status=MarketStatus.OPEN, **event
):
    event_id = EventFactory.create(**event).pk
    row, _ = MarketLine.objects.get_or_create(market=market, line=line, outcomes=[*outcomes])
    Market.objects.create(event_id=event_id, line_id=row.pk, producer=0, status=status, as_of=NOW, odds=[*odds])


def test_what_is_offered_counts_by_outcome():
    offer()
    offer(line="219.5", sport="BASKETBALL")
    count_offered_outcomes(NOW)
    assert counts(*OFFERED_ATTRIBUTES) == {
        ("offered_market", "FOOTBALL/TOTALS"): 2, ("offered_market", "BASKETBALL/TOTALS"): 2,
        ("offered_market_line", "FOOTBALL/TOTALS/2.5"): 2, ("offered_market_line", "BASKETBALL/TOTALS/220"): 2,
        ("offered_market_outcome", "FOOTBALL/TOTALS/OVER"): 1, ("offered_market_outcome", "FOOTBALL/TOTALS/UNDER"): 1,
        ("offered_market_outcome", "BASKETBALL/TOTALS/OVER"): 1,
        ("offered_market_outcome", "BASKETBALL/TOTALS/UNDER"): 1,
        ("offered_market_odds_band", "FOOTBALL/4"): 1, ("offered_market_odds_band", "FOOTBALL/6"): 1,
        ("offered_market_odds_band", "BASKETBALL/4"): 1, ("offered_market_odds_band", "BASKETBALL/6"): 1,
    }  # fmt: skip


def test_what_cannot_be_bet_on_is_not_offered():
    offer(status=MarketStatus.SUSPENDED)
    offer(odds=(0, 1000))
    offer(begin_timestamp=NOW - timedelta(hours=9), end_timestamp=NOW - timedelta(hours=7))
    count_offered_outcomes(NOW)
    assert counts(*OFFERED_ATTRIBUTES) == {}


def test_a_casino_without_markets_pays_one_query(django_assert_num_queries):
    with django_assert_num_queries(1, connection=casino_connection()):
        count_offered_outcomes(NOW)


def test_the_choice_follows_the_tallies_of_this_casino_alone(casino_b):
    bets(*[OVER] * 30, *[HOME] * 10)
    with use_casino(casino_b.current, switch=True):
        bets(*[HOME] * 30)
        counts()
        assert choice(trends()) == "HOME"
    counts()
    assert choice(trends()) == "OVER"


def choice(read):
    offered = OfferedOutcomes("FOOTBALL", ["1X2", "TOTALS"], ["", "2.5"], ["HOME", "OVER"], np.array([2.5, 2.5]))
    scores = score_outcomes(outcome_preferences(NOBODY, read, "FOOTBALL"), offered)
    return offered.outcomes[int(np.argmax(scores))]


def test_coupons_that_name_outcomes_are_counted_as_they_are_stored():
    store_users([user_row(id=1)])
    fields = (selection_row(**OVER), selection_row(**HOME), selection_row())
    store_coupons([coupon_row(id=number, timestamp=NOW, recommended_events=fields) for number in (1, 2)])
    assert_casino_tallies_equal_a_recount()
    assert counts("market") == {("market", "FOOTBALL/TOTALS"): 2, ("market", "FOOTBALL/1X2"): 2}
    store_coupons([removal(1, 99)])
    assert_casino_tallies_equal_a_recount()
