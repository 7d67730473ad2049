"""What requests saw of prices, for metrics."""

import threading
from datetime import UTC, datetime

import pytest

from recommendations import services
from recommendations.prices.feeds import Feeds, Producer
from recommendations.prices.meter import MAX_CASINOS, PriceMeter, price_meter
from recommendations.recommenders.registry import get_recommender
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.options import Options
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino

from .market_rows import LIVE, heard, market, offered_by, producer

FEEDS = Feeds(0.0, {0: Producer(0, "P", False, True, 1.0), 1: Producer(1, "Q", True, False)})
OFFERED = offered_by(-1, 0, 1, 2, 3)  # without markets, none open, by P, by Q, by both


@pytest.fixture
def casinos(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=1)
            EventFactory.create_batch(4)
    return casino_a, casino_b


def ask(casino, **options):
    with use_casino(casino.current):
        now = datetime.now(UTC)
        request = RecommendationRequest(casino.pk, get_recommender("static"), now, Options(**options))
        return services.recommend(request, [1])


def test_events_with_an_open_price_of_a_living_producer_are_counted():
    meter = PriceMeter()
    meter.note(1, FEEDS, 10.0, OFFERED, [])
    assert (meter.seen()[1].priced_events, meter.seen()[1].alive) == (2, 0b1)
    meter.note(2, FEEDS, 0.5, OFFERED, [])
    assert (meter.seen()[2].priced_events, meter.seen()[2].alive) == (0, 0)


def test_a_casino_is_looked_at_once_a_second_and_every_passed_over_event_counts():
    meter = PriceMeter()
    meter.note(1, FEEDS, 10.0, OFFERED, ["suspended"])
    meter.note(1, Feeds(0.0, {}), 10.0, OFFERED, ["suspended", "stale"])
    assert meter.seen()[1].feeds is FEEDS
    assert meter.passed_over() == {"suspended": 2, "stale": 1}


def test_casinos_are_bounded_and_forgotten():
    meter = PriceMeter()
    for casino_id in range(MAX_CASINOS + 5):
        meter.note(casino_id, FEEDS, 10.0, OFFERED, [])
    assert (len(meter.seen()), min(meter.seen())) == (MAX_CASINOS, 5)
    meter.forget([7, 8])
    assert not {7, 8} & set(meter.seen())


def test_counts_of_threads_add_up():
    meter = PriceMeter()

    def count():
        for _ in range(500):
            meter.count_second_query()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.second_queries == 2_000


def test_casino_without_markets_is_not_noted(casinos):
    assert ask(casinos[0])[0].recommended_events
    assert price_meter.seen() == {}


def test_requests_of_a_casino_with_markets_are_noted(casinos):
    alpha, beta = casinos
    with use_casino(alpha.current):
        events = EventFactory.create_batch(4)
        market(events[0].pk, status="suspended")
        for event in events[1:]:
            market(event.pk)
        producer(LIVE)
        heard(LIVE, seconds_ago=200)
    queries, passed_over = price_meter.second_queries, price_meter.passed_over().get("suspended", 0)
    ask(alpha, event_limit=8, feed_silence_seconds=100.0)
    ask(beta)
    [(casino_id, seen)] = price_meter.seen().items()
    assert casino_id == alpha.pk
    assert seen.alive == 0b1
    assert {each.name: round(each.silent_seconds or 0) >= 200 for each in seen.feeds.producers.values()} == {
        "PREMATCH": False,
        "LIVE": True,
    }
    assert price_meter.second_queries == queries + 1
    assert price_meter.passed_over()["suspended"] == passed_over + 1
