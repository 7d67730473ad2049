"""Recommendations of a casino whose events have markets."""

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from recommendations import services
from recommendations.models import Event, Feed, Market, Producer, User
from recommendations.offer import read_offer
from recommendations.prices.cache import price_cache
from recommendations.prices.event_prices import unpack
from recommendations.recommenders.registry import get_recommender
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.load import find
from recommendations.serving.options import Options, Selectors
from recommendations.serving.request_filters import RequestFilters
from recommendations.tests.factories import EventFactory, UserFactory
from recommendations.tests.prices.market_rows import LIVE, heard, market
from recommendations.tests.recommend import recommend
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

TOTALS = {"OVER": 1.91, "UNDER": 1.95}


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, casino_b):
    with use_casino(casino_b.current):
        UserFactory.create(id=1)
        EventFactory.create_batch(4)
        for event in Event.objects.all():
            market(event.pk, {"OF CASINO B": 7.0}, name="OF CASINO B")
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        yield


def slip(now=None, *, filters=None, **options):
    return recommend(
        casino_id=1,
        recommender_type="static",
        user_id=1,
        now=now or datetime.now(UTC),
        options=Options(**options),
        filters=filters or RequestFilters(),
    )


def chosen(*arguments, **options):
    events = slip(*arguments, **options).recommended_events
    return [(event.event_id, event.market, event.line, event.outcome, event.odd) for event in events]


def queries_of(django_assert_num_queries, number):
    return django_assert_num_queries(number, connection=casino_connection())


def test_an_event_is_recommended_by_the_outcome_of_one_of_its_markets():
    [event] = EventFactory.create_batch(1, odd=None, is_withheld=True, lacks_odd=True)
    row = market(event.pk, {"OVER": 1.91, "UNDER": 0}, name="TOTALS", line="2.5")
    [served] = slip().recommended_events
    assert (served.market, served.line, served.outcome, served.odd) == ("TOTALS", "2.5", "OVER", 1.91)
    assert (served.producer, served.priced_at) == ("PREMATCH", row.as_of)


def test_an_event_without_markets_has_its_own_odd_beside_others():
    first, second = EventFactory.create_batch(2, odd="2.500")
    market(first.pk, {"HOME": 1.5})
    assert chosen() == [(first.pk, "1X2", "", "HOME", 1.5), (second.pk, "", "", "", 2.5)]


def test_the_slip_has_as_many_legs_as_are_open_and_never_two_of_an_event():
    events = EventFactory.create_batch(12)
    for number, event in enumerate(events):
        market(event.pk, {"HOME": 2.0}, status="open" if number in {3, 7, 11} else "suspended")
        market(event.pk, {"OVER": 0}, name="TOTALS", line="2.5")
    assert [event_id for event_id, *_ in chosen()] == [events[3].pk, events[7].pk, events[11].pk]
    assert [each.reason for each in slip().passed_over][:2] == ["suspended", "suspended"]


def test_the_odds_of_the_slip_are_those_of_its_legs_and_it_expires_with_the_oldest_price():
    events = EventFactory.create_batch(2)
    now = datetime.now(UTC)
    market(events[0].pk, {"HOME": 2.0}, as_of=now - timedelta(seconds=40))
    market(events[1].pk, {"AWAY": 1.5}, as_of=now - timedelta(seconds=10))
    served = slip(now, max_price_age_seconds=60)
    assert (float(served.total_odds), served.expires_at) == (3.0, now + timedelta(seconds=20))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "suspended"}, "suspended"),
        ({"status": "closed"}, "closed"),
        ({"status": "settled"}, "closed"),
        ({"status": "cancelled"}, "closed"),
        ({"odds": [0, 0, 0]}, "closed"),
        ({"odds": [1_000, 1_000, 1_000]}, "out_of_range"),
        ({"odds": [1_850, 3_600]}, "unreadable"),
        ({"odds": []}, "unreadable"),
        ({"line_id": 999_999}, "unreadable"),
        ({"producer": 17}, "feed_closed"),
        ({"as_of": datetime(2020, 1, 1, tzinfo=UTC)}, "stale"),
    ],
)
def test_a_changed_market_closes_at_the_next_request(change, reason):
    [event] = EventFactory.create_batch(1)
    market(event.pk)
    options = {"max_price_age_seconds": 3_600}
    assert len(chosen(**options)) == 1
    Market.objects.update(**change)
    served = slip(**options)
    assert served.recommended_events == ()
    assert [each.reason for each in served.passed_over] == [reason]


@pytest.mark.covered
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"min_odd": 4.5}, "out_of_range"),
        ({"max_odd": 1.84}, "out_of_range"),
        ({"blocked": Selectors(markets=("1X2",))}, "blocked"),
        ({"only_markets": ("TOTALS",)}, "blocked"),
        ({"filters": RequestFilters(min_odd=4.5)}, "out_of_range"),
        ({"filters": RequestFilters(max_odd=1.84)}, "out_of_range"),
        ({"filters": RequestFilters(markets=frozenset({"TOTALS"}))}, "not_requested"),
    ],
)
def test_options_and_filters_close_prices(options, reason):
    [event] = EventFactory.create_batch(1)
    market(event.pk)
    served = slip(**options)
    assert served.recommended_events == ()
    assert [each.reason for each in served.passed_over] == [reason]


@pytest.mark.parametrize(("state", "reason"), [({}, "feed_silent"), ({"closed_by_hand": True}, "feed_closed")])
def test_each_explanation_names_the_events_of_closed_feeds(state, reason):
    """The first request of a process does not know the feeds yet, later ones do."""
    with_market, own_odd = EventFactory.create_batch(2, odd="2.500")
    market(with_market.pk)
    heard(seconds_ago=60)
    Producer.objects.update(**state)
    for _ in range(3):
        served = slip(filters=RequestFilters(explain=True))
        assert [each.reason for each in served.passed_over] == [reason]
        assert [each.event_id for each in served.recommended_events] == [own_odd.pk]


def test_a_suspended_market_that_was_asked_for_is_the_reason_though_others_have_more_outcomes():
    [event] = EventFactory.create_batch(1)
    market(event.pk)
    market(event.pk, TOTALS, name="TOTALS", line="2.5", status="suspended")
    served = slip(filters=RequestFilters(markets=frozenset({"TOTALS"})))
    assert [each.reason for each in served.passed_over] == ["suspended"]


def test_bounds_include_their_ends_and_markets_that_are_allowed_stay():
    [event] = EventFactory.create_batch(1)
    market(event.pk)
    market(event.pk, TOTALS, name="TOTALS", line="2.5")
    assert chosen(min_odd=4.4) == [(event.pk, "1X2", "", "AWAY", 4.4)]
    assert chosen(max_odd=1.85) == [(event.pk, "1X2", "", "HOME", 1.85)]
    assert chosen(filters=RequestFilters(markets=frozenset({"TOTALS"})))[0][1] == "TOTALS"
    assert chosen(only_markets=("TOTALS",))[0][1] == "TOTALS"
    assert chosen(blocked=Selectors(markets=("1X2",)))[0][1] == "TOTALS"


def test_a_request_for_a_market_gets_no_event_by_its_own_odd():
    EventFactory.create_batch(2)
    assert chosen(filters=RequestFilters(markets=frozenset({"1X2"}))) == []


def test_a_market_comes_at_most_so_often_in_a_slip():
    for event in EventFactory.create_batch(4):
        market(event.pk, {"HOME": 1.2})
    assert len(chosen(max_per_market=2)) == 2
    for event in Event.objects.all():
        market(event.pk, {"OVER": 5.0}, name="TOTALS", line="2.5")
    assert len([name for _, name, *_ in chosen(event_limit=4, max_per_market=2) if name == "1X2"]) == 2


def test_live_prices_age_sooner():
    now = datetime.now(UTC)
    [event] = EventFactory.create_batch(1, begin_timestamp=now - timedelta(minutes=5))
    market(event.pk, as_of=now - timedelta(seconds=100))
    assert len(chosen(now, live_events=True)) == 1
    assert chosen(now + timedelta(seconds=30), live_events=True) == []
    assert len(chosen(now, live_events=True, max_live_price_age_seconds=None)) == 1


@pytest.mark.covered
class TestFeeds:
    @pytest.fixture(autouse=True)
    def event(self):
        [event] = EventFactory.create_batch(1)
        market(event.pk)
        assert len(chosen()) == 1
        return event

    @pytest.mark.parametrize("change", [{"is_down": True}, {"closed_by_hand": True}])
    def test_a_producer_that_is_down_or_closed_closes_its_prices(self, change):
        Producer.objects.update(**change)
        assert chosen() == []
        Producer.objects.update(is_down=False, closed_by_hand=False)
        assert len(chosen()) == 1

    def test_a_silent_feed_closes_by_itself(self):
        heard(seconds_ago=11)
        assert chosen() == []
        assert len(chosen(feed_silence_seconds=20)) == 1

    def test_one_silent_partition_closes_the_feed(self):
        heard(partition=0)
        heard(partition=1, seconds_ago=11)
        assert chosen() == []

    def test_a_partition_that_falls_silent_closes_the_feed_on_time(self):
        heard(partition=0, seconds_ago=-3_600)
        before = time.monotonic()
        heard(partition=1)
        after = asked_at = time.monotonic()
        is_open = True
        while asked_at <= after + 1:
            asked_at = time.monotonic()
            is_open = len(chosen(feed_silence_seconds=1)) == 1
            assert is_open or time.monotonic() > before + 1
        assert not is_open
        heard(partition=1)
        assert len(chosen(feed_silence_seconds=3_600)) == 1

    def test_a_producer_with_heartbeats_that_was_never_heard_is_silent(self):
        Feed.objects.all().delete()
        assert chosen() == []

    def test_a_producer_without_heartbeats_is_not_silent(self):
        heard(seconds_ago=100)
        Producer.objects.update(sends_heartbeats=False)
        assert len(chosen()) == 1

    def test_prices_of_before_a_silence_stay_closed_until_they_are_sent_again(self, event):
        heard(valid_since=datetime.now(UTC))
        assert chosen() == []
        assert len(chosen(trust_after_silence=True)) == 1
        market(event.pk, as_of=datetime.now(UTC))
        assert len(chosen()) == 1

    def test_another_producer_goes_on(self, event):
        market(event.pk, TOTALS, name="TOTALS", line="2.5", code=LIVE)
        heard(seconds_ago=100)
        assert chosen()[0][1] == "TOTALS"

    def test_a_price_of_the_future_counts_from_when_it_is_read(self):
        Market.objects.update(as_of=datetime.now(UTC) + timedelta(days=900))
        assert len(chosen(max_price_age_seconds=60)) == 1
        assert chosen(datetime.now(UTC) + timedelta(minutes=2), max_price_age_seconds=60) == []


class TestQueries:
    @pytest.fixture(autouse=True)
    def _events(self):
        for event in EventFactory.create_batch(8):
            market(event.pk)

    def test_a_warm_request_takes_one_query(self, django_assert_num_queries):
        slip()
        with queries_of(django_assert_num_queries, 1):
            slip()

    def test_a_cold_request_takes_two_queries_beside_the_load_of_the_offer(self, django_assert_num_queries):
        with queries_of(django_assert_num_queries, 3):
            slip()

    def test_a_changed_price_of_a_ranked_event_comes_with_the_query_that_tells_of_the_change(
        self, django_assert_num_queries
    ):
        first = chosen()
        Market.objects.filter(event_id=first[0][0]).update(odds=[2_000, 2_000, 2_000])
        with queries_of(django_assert_num_queries, 1):
            assert chosen()[0][-1] == 2.0

    def test_a_changed_price_of_an_event_that_no_request_used_takes_a_second_query(self, django_assert_num_queries):
        first = chosen()[0][0]
        price_cache.reset()
        chosen(filters=RequestFilters(excluded=frozenset([first])))
        Market.objects.filter(event_id=first).update(odds=[3_000, 3_000, 3_000])
        with queries_of(django_assert_num_queries, 2):
            assert chosen()[0][-1] == 3.0

    def test_a_new_market_line_of_an_event_takes_a_second_query(self, django_assert_num_queries):
        first = chosen()[0][0]
        Market.objects.filter(event_id=first).update(status="suspended")
        market(first, {"OVER": 9.0}, name="TOTALS", line="7.5")
        with queries_of(django_assert_num_queries, 2):
            assert chosen()[0] == (first, "TOTALS", "7.5", "OVER", 9.0)

    def test_a_changed_price_of_another_event_takes_no_query(self, django_assert_num_queries):
        slip()
        Market.objects.filter(event_id=Event.objects.latest("pk").pk).update(odds=[2_000, 2_000, 2_000])
        with queries_of(django_assert_num_queries, 1):
            slip()

    def test_a_query_brings_changed_prices_of_other_requests_too(self, django_assert_num_queries):
        first = chosen()[0][0]
        others = RequestFilters(excluded=frozenset(event_id for event_id, *_ in chosen()))
        other = chosen(filters=others)[0][0]
        Market.objects.filter(event_id__in=[first, other]).update(odds=[2_000, 2_000, 2_000])
        with queries_of(django_assert_num_queries, 2):
            assert chosen()[0][-1] == chosen(filters=others)[0][-1] == 2.0

    def test_a_changed_price_that_can_not_be_read_fails_no_request_for_other_events(self):
        first = chosen()[0][0]
        others = RequestFilters(excluded=frozenset(event_id for event_id, *_ in chosen()))
        other = chosen(filters=others)[0][0]
        Market.objects.filter(event_id=first).update(odds=[2_000, 2_000, 2_000])
        Market.objects.filter(event_id=other).update(odds=[2_000, None, 2_000])
        assert chosen()[0][-1] == 2.0
        with pytest.raises(msgspec.ValidationError):
            chosen(filters=others)

    def test_a_casino_without_markets_takes_one_query(self, django_assert_num_queries):
        Event.objects.update(offered_by=None)
        slip()
        with queries_of(django_assert_num_queries, 1) as asked:
            slip()
        assert "price" not in asked.captured_queries[0]["sql"]
        assert "market" not in asked.captured_queries[0]["sql"]


@pytest.mark.no_cover
def test_behind_hundreds_of_closed_events_the_slip_is_short_and_never_wrong(django_assert_num_queries):
    for event in EventFactory.create_batch(300):
        market(event.pk, status="suspended")
    last = Event.objects.latest("pk").pk
    Market.objects.filter(event_id=last).update(status="open")
    read_offer(datetime.now(UTC))
    heard()  # on a busy machine, the events took longer to make than a feed may be silent
    with queries_of(django_assert_num_queries, 5):  # 3, 15, 75 and 163 events are looked at
        served = slip()
    assert served.recommended_events == ()
    assert {each.reason for each in served.passed_over} == {"suspended"}
    Market.objects.filter(event_id__lt=last - 200).delete()
    Event.objects.filter(pk__lt=last - 200).update(offered_by=0)
    assert [event_id for event_id, *_ in chosen(feed_silence_seconds=600)] == [last]


def execute(sql):
    with casino_connection().cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.covered
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE markets SET status = 'suspended'",
        "UPDATE markets SET odds = array_fill(0, ARRAY[cardinality(odds)])",
        "DELETE FROM markets",
        "TRUNCATE markets",
        "UPDATE markets SET event_id = event_id + 1000",
        "UPDATE price_version SET version = version + 1; UPDATE markets SET status = 'closed'",
        "DELETE FROM price_version; UPDATE markets SET status = 'closed'",
        "DELETE FROM price_changes; UPDATE markets SET status = 'closed'",
        "TRUNCATE price_version, price_changes; UPDATE markets SET status = 'closed'",
        "DELETE FROM producers",
        "UPDATE producers SET closed_by_hand = true",
        "DELETE FROM feeds",
        "UPDATE events SET offered_by = 0",
        "UPDATE events SET status = 'SUSPENDED'",
    ],
)
def test_what_psql_closes_is_closed_at_the_next_request(sql):
    for event in EventFactory.create_batch(3):
        market(event.pk)
    assert len(chosen()) == 3
    execute(sql)
    assert chosen() == []


def test_a_version_that_is_lost_again_is_not_taken_for_the_one_before():
    """A statement that changes nothing inserts the lost row, with the same version each time."""
    lose = "DELETE FROM price_version; UPDATE markets SET status = 'open' WHERE false"
    [event] = EventFactory.create_batch(1)
    market(event.pk)
    chosen()
    execute(lose)
    assert len(chosen()) == len(chosen()) == 1
    execute("UPDATE markets SET status = 'suspended'")
    execute(lose)
    assert chosen() == []


def test_a_feed_that_is_heard_between_two_queries_opens_no_price_of_the_first():
    """The message by which it is heard may have changed that price."""
    first, second = EventFactory.create_batch(2)
    market(first.pk, {"HOME": 2.0})
    assert {odd for *_, odd in chosen()} == {2.0, 2.5}
    heard(seconds_ago=60)
    prices = find([1], datetime.now(UTC), 0.0).casino_context.prices
    assert prices is not None
    heard()
    market(first.pk, {"HOME": 3.0})
    market(second.pk, {"HOME": 3.0})
    of_both = prices.of([first.pk, second.pk])
    assert unpack(of_both[first.pk]).odds.tolist() == [2_000]
    assert prices.feeds is not None
    assert prices.feeds.alive(10.0) == 0
    assert {odd for *_, odd in chosen()} == {3.0}


def test_market_lines_that_were_set_back_are_read_again():
    [event] = EventFactory.create_batch(1)
    market(event.pk, {"HOME": 2.0})
    assert chosen()[0][3] == "HOME"
    execute("UPDATE market_lines SET outcomes = '{AWAY}'; TRUNCATE price_changes; UPDATE markets SET odds = '{3000}'")
    assert chosen()[0][3:] == ("AWAY", 3.0)


def test_two_casinos_never_mix(casino_b):
    [event] = EventFactory.create_batch(1)
    market(event.pk, {"OF CASINO A": 2.0}, name="OF CASINO A")
    for _ in range(2):
        assert {name for _, name, *_ in chosen()} == {"OF CASINO A"}
        with use_casino(casino_b.current, switch=True):
            assert {name for _, name, *_ in chosen()} == {"OF CASINO B"}


def test_a_batch_reads_the_prices_of_its_first_looks_with_one_query(django_assert_num_queries, now):
    for user_id in (2, 3, 4):
        UserFactory.create(id=user_id)
    for sport in ("FOOTBALL", "TENNIS", "HANDBALL"):
        for event in EventFactory.create_batch(5, sport=sport):
            market(event.pk)
    user_ids = [1, 2, 3, 4]
    for user_id, sport in zip(user_ids, ("TENNIS", "FOOTBALL", "HANDBALL", ""), strict=True):
        User.objects.filter(pk=user_id).update(favorite_sport=sport)
    request = RecommendationRequest(1, get_recommender("dynamic"), now)
    read_offer(now)
    with queries_of(django_assert_num_queries, 2):
        batch = services.recommend(request, user_ids)
    assert [len(each.recommended_events) for each in batch] == [3] * 4
    assert len({event.sport for each in batch for event in each.recommended_events}) == 3
    for each in batch:
        [alone] = services.recommend(request, [each.user_id])
        assert alone.recommended_events == each.recommended_events


def test_a_batch_has_none_of_a_user_who_may_be_shown_no_bets(now):
    UserFactory.create(id=2, status="SELF_EXCLUDED")
    for event in EventFactory.create_batch(3):
        market(event.pk)
    allowed, excluded = services.recommend(RecommendationRequest(1, get_recommender("static"), now), [1, 2])
    assert (len(allowed.recommended_events), len(excluded.recommended_events)) == (3, 0)
    assert excluded.refusal == "self_excluded"


def test_a_price_without_a_time_is_closed():
    [event] = EventFactory.create_batch(1)
    market(event.pk)
    execute("UPDATE markets SET as_of = '-infinity'")
    assert chosen() == []
