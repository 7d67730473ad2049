"""The attribution job: what it attributes, that nothing is lost between processes, and what a removal leaves."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from recommendations.attribution.backfill import note_stored_since
from recommendations.attribution.job import attribute_step, first_open_day, sum_due_days
from recommendations.attribution.notes import count_due
from recommendations.attribution.pruning import prune_user_days
from recommendations.models import Attribution, DueAttribution, RecommendationDay, UserDay
from recommendations.storing import store_coupons, store_impressions, store_recommendations, store_users
from recommendations.storing.erasure import erase_rows_until, erase_user
from recommendations.tests.factories import UserFactory, coupon_row, selection_row, served_row, user_row
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.rows import Removal, ServedEventRow
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=3)
WINDOW = timedelta(hours=24)


def serve(number, minutes=0, *, event_id=5, **changes):
    events = (ServedEventRow(event_id=event_id, odd=Decimal(2)),)
    given = {"events": events, "timestamp": NOON + timedelta(minutes=minutes)} | changes
    store_recommendations([served_row(number, **given)])


def buy(number, minutes=30, *events, **changes):
    selections = tuple(selection_row(event_id=each) for each in events or (5,))
    given = {"user_id": 7, "timestamp": NOON + timedelta(minutes=minutes), "recommended_events": selections}
    store_coupons([coupon_row(id=number, **given | changes)])


def attribute(now=NOW):
    while (step := attribute_step(now, WINDOW)) is None or not step.is_last:
        pass
    sum_due_days()


def found():
    return {
        coupon_id: recommendation_id.int
        for coupon_id, recommendation_id in Attribution.objects.values_list("coupon_id", "recommendation_id")
    }


@pytest.fixture
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=7, timestamp=NOON, currency="GBP")
        UserFactory.create(id=8, timestamp=NOON)
        yield


pytestmark = [pytest.mark.usefixtures("_inside_casino_a"), pytest.mark.covered]
ADD_COUPONS = """
INSERT INTO purchased_coupons (id, user_id, stake, timestamp, recommended_events)
SELECT number, 7, 10, now(), '[]' FROM generate_series(1, %s) AS number
"""


@pytest.mark.parametrize(
    ("rows", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [1, 500]), (1_100, [100, 500, 500])]
)
def test_a_statement_notes_its_rows_at_most_500_together(rows, sizes):
    execute(ADD_COUPONS, [rows])
    notes = list(DueAttribution.objects.values_list("kind", "ids"))
    assert sorted(len(ids) for _, ids in notes) == sizes
    assert sorted(each for _, ids in notes for each in ids) == list(range(1, rows + 1))
    assert {kind for kind, _ in notes} <= {"coupons"}


def test_a_bet_on_a_recommended_event_is_attributed_with_its_share_of_the_stake():
    serve(1, placement="home")
    buy(3, 30, 5, 6)
    attribute()
    row = Attribution.objects.get()
    assert (row.coupon_id, row.recommendation_id, row.placement, row.how) == (3, UUID(int=1), "home", "event")
    assert (row.matched, row.matched_selections, row.selections, row.seconds) == ([5], 1, 2, 1_800)
    assert (row.stake, row.matched_stake, row.currency, row.day) == (10, 5, "EUR", NOON.date())


def test_a_bet_before_or_long_after_the_recommendation_or_of_another_user_is_not():
    serve(1)
    buy(1, -1)
    buy(2, 24 * 60 + 1)
    buy(3, 30, user_id=8)
    buy(4, 24 * 60)
    attribute()
    assert found() == {4: 1}


def test_the_most_selections_count_then_the_latest_and_shown_before_withheld():
    two = (ServedEventRow(event_id=5, odd=Decimal(2)), ServedEventRow(event_id=6, odd=Decimal(2)))
    serve(1, events=two)
    serve(2, 1)
    serve(3, 2)
    serve(4, 3, events=two, shown=False)
    buy(1, 30, 5, 6)
    buy(2, 30, 5)
    attribute()
    assert found() == {1: 1, 2: 3}


def test_the_recommendation_that_a_coupon_names_counts_first_unless_it_is_another_users():
    serve(1, event_id=9)
    serve(2, 1)
    serve(3, 2, user_id=8)
    buy(1, recommendation_id=UUID(int=1))
    buy(2, recommendation_id=UUID(int=3))
    buy(3, recommendation_id=UUID(int=99))
    attribute()
    assert found() == {1: 1, 2: 2, 3: 2}
    assert Attribution.objects.get(coupon_id=1).how == "named"


def test_how_names_the_finest_that_all_matched_selections_have_in_common():
    over: dict[str, Any] = {"market": "TOTALS", "line": "2.5", "outcome": "OVER"}
    under = over | {"outcome": "UNDER"}
    serve(1, events=tuple(ServedEventRow(event_id=each, odd=Decimal(2), **over) for each in (5, 6)))
    for number, names in enumerate((over, under, {}), 1):
        store_coupons([
            coupon_row(
                id=number, user_id=7, timestamp=NOON,
                recommended_events=(selection_row(event_id=5, **over), selection_row(event_id=6, **names)),
            )
        ])  # fmt: skip
    attribute()
    assert list(Attribution.objects.order_by("coupon_id").values_list("how", "markets")) == [
        ("outcome", ["TOTALS"]), ("market", ["TOTALS"]), ("event", ["TOTALS"]),
    ]  # fmt: skip


def test_a_recommendation_that_comes_after_the_bet_is_found(casino_b):
    buy(1)
    attribute()
    assert found() == {}
    serve(1)
    attribute()
    assert found() == {1: 1}
    with use_casino(casino_b.current, switch=True):
        assert not Attribution.objects.exists()


def test_an_erased_user_is_in_no_table_and_the_days_are_summed_without_the_user():
    serve(1)
    buy(1)
    buy(2, user_id=8)
    attribute()
    assert RecommendationDay.objects.get(breakdown="total", currency="GBP").bets == 1
    erased = erase_user(7, NOW)
    assert (erased["attributions"], erased["user_days"]) == (1, 2)
    attribute()
    assert not Attribution.objects.exists()
    assert {row.user_id for row in UserDay.objects.all()} == {8}
    assert [row.coupons for row in RecommendationDay.objects.all()] == [1]


def test_a_removal_of_a_user_does_the_same():
    serve(1)
    buy(1)
    attribute()
    store_users([Removal(id=7, timestamp=NOW)])
    attribute()
    assert not Attribution.objects.exists()
    assert not UserDay.objects.exists()
    assert not RecommendationDay.objects.exists()


def test_of_a_user_who_was_stored_again_only_later_rows_stay_after_a_restore():
    serve(1)
    buy(1)
    serve(2, 60 * 24)
    buy(2, 60 * 24 + 5)
    store_users([user_row(id=7, timestamp=NOON + timedelta(hours=20))])
    attribute()
    erased = erase_rows_until(7, NOON + timedelta(hours=1))
    assert (erased["attributions"], erased["user_days"]) == (1, 2)
    attribute()
    assert found() == {2: 2}
    assert {row.day.day for row in UserDay.objects.all()} == {3}


def test_a_removed_coupon_and_removed_recommendations_are_attributed_no_more():
    serve(1)
    serve(2, 5)
    buy(1)
    buy(2)
    attribute()
    store_coupons([Removal(id=1, timestamp=NOW)])
    attribute()
    assert found() == {2: 2}
    assert UserDay.objects.get(recommender="").bets == 1
    store_recommendations([Removal(id=7, timestamp=NOON + timedelta(minutes=10))])
    attribute()
    assert found() == {}
    assert [row.recommender for row in UserDay.objects.all()] == [""]


def test_what_was_seen_counts_once_whenever_it_is_sent():
    def see(number, minutes):
        store_impressions([
            ImpressionRow(recommendation_id=UUID(int=number), user_id=7, kind="seen", event_ids=events, placement="",
                timestamp=NOON + timedelta(minutes=minutes))
            for events in ((), (5,))
        ])  # fmt: skip

    see(1, 2)
    serve(1)
    serve(2, 5)
    serve(3, 6)
    attribute()
    see(2, 7)
    attribute()
    assert UserDay.objects.values_list("answers", "seen", "clicked").get() == (3, 2, 0)


def test_days_whose_recommendations_are_pruned_stay_as_they_are(settings):
    serve(1)
    buy(1)
    attribute()
    settings.SERVED_RECOMMENDATIONS_DAYS = 10
    later = NOW + timedelta(days=30)
    store_coupons([Removal(id=1, timestamp=later)])
    buy(2)
    attribute(later)
    assert found() == {1: 1}
    assert first_open_day(later, WINDOW) == (later - timedelta(days=8)).date()


def test_stored_rows_without_notes_are_attributed_by_a_backfill():
    serve(1)
    buy(1)
    buy(2, -24 * 60)
    DueAttribution.objects.all().delete()
    assert note_stored_since(NOON - timedelta(hours=1), NOW, WINDOW) == (NOON - timedelta(hours=1), 1)
    assert count_due()[0] == 2
    attribute()
    assert found() == {1: 1}
    assert UserDay.objects.count() == 2


def test_old_user_days_are_pruned_and_the_days_sums_stay():
    serve(1)
    buy(1)
    attribute()
    assert prune_user_days(NOON.date(), 10) == 0
    assert prune_user_days(NOON.date() + timedelta(days=1), 1) == 1
    assert prune_user_days(NOON.date() + timedelta(days=1), 10) == 1
    assert not UserDay.objects.exists()
    assert RecommendationDay.objects.count() == 4


def test_a_days_sums_count_each_user_once():
    serve(1, placement="home")
    serve(2, 1, placement="slip", recommender="hybrid")
    serve(3, 2, events=(), refusal="time_out", stake=Decimal(0))
    serve(4, 3, user_id=8, events=())
    buy(1)
    buy(2, 40, 77)
    attribute()
    sums = ("breakdown", "recommender", "placement", "currency", "answers", "active", "reached", "bets", "coupons")
    assert sorted(RecommendationDay.objects.values_list(*sums)) == [
        ("placement", "", "", "EUR", 1, 1, 0, 0, 0),
        ("placement", "", "", "GBP", 1, 1, 0, 0, 0),
        ("placement", "", "home", "GBP", 1, 1, 1, 0, 0),
        ("placement", "", "slip", "GBP", 1, 1, 1, 1, 0),
        ("recommender", "hybrid", "", "GBP", 1, 1, 1, 1, 0),
        ("recommender", "static", "", "EUR", 1, 1, 0, 0, 0),
        ("recommender", "static", "", "GBP", 2, 1, 1, 0, 0),
        ("total", "", "", "EUR", 1, 1, 0, 0, 0),
        ("total", "", "", "GBP", 3, 1, 1, 1, 2),
        ("variant", "hybrid", "slip", "GBP", 1, 1, 1, 1, 0),
        ("variant", "static", "", "EUR", 1, 1, 0, 0, 0),
        ("variant", "static", "", "GBP", 1, 1, 0, 0, 0),
        ("variant", "static", "home", "GBP", 1, 1, 1, 0, 0),
    ]
