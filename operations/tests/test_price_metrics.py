"""Metrics of prices: those that requests saw, with labels of casinos and producers that are known."""

import re
import time
from math import isnan

import pytest

from operations.metrics import FEED_ALIVE, exposition
from recommendations.prices import meter
from recommendations.prices.feeds import Feeds, Producer
from recommendations.prices.meter import price_meter
from recommendations.tests.prices.market_rows import offered_by

pytestmark = pytest.mark.slow

FEEDS = Feeds(
    0.0,
    {
        0: Producer(0, "PREMATCH", False, True, 2.5),
        1: Producer(1, "LIVE", False, True, 75.0),
        2: Producer(2, "BY HAND", True, False),
    },
)


def values(name):
    time.sleep(1.1)  # metrics are copied once a second
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", exposition().decode(), re.MULTILINE)
    return {labels: float(value) for labels, value in found}


@pytest.fixture(autouse=True)
def seen():
    price_meter.reset()
    price_meter.note(91, FEEDS, 10.0, offered_by(1, 1, 2, -1), ["suspended", "stale", "stale"])
    yield
    price_meter.reset()


def test_feeds_are_shown_as_the_latest_request_saw_them():
    alive = values("recsys_feed_alive")
    assert alive['casino="91",producer="PREMATCH"'] == 1
    assert alive['casino="91",producer="LIVE"'] == 0
    assert alive['casino="91",producer="BY HAND"'] == 0
    silent = values("recsys_feed_silent_seconds")
    assert silent['casino="91",producer="LIVE"'] == 75.0
    assert 'casino="91",producer="BY HAND"' not in silent
    assert values("recsys_priced_events")['casino="91"'] == 2


def test_each_look_is_shown_once_so_that_another_process_may_show_a_later_one():
    labels = 'casino="91",producer="LIVE"'
    assert values("recsys_feed_alive")[labels] == 0
    FEED_ALIVE.labels("91", "LIVE").set(1)
    assert values("recsys_feed_alive")[labels] == 1
    price_meter.note(91, FEEDS, 10.0, offered_by(1), [])
    assert values("recsys_feed_alive")[labels] == 0


def test_nothing_is_known_where_no_request_came_for_a_minute():
    assert values("recsys_feed_alive")['casino="91",producer="PREMATCH"'] == 1
    price_meter._seen[91] = meter.SeenPrices(time.monotonic() - 61, FEEDS, 1, 2)
    assert isnan(values("recsys_feed_alive")['casino="91",producer="LIVE"'])
    assert isnan(values("recsys_priced_events")['casino="91"'])
    assert price_meter.seen() == {}


def test_events_that_were_passed_over_and_second_queries_are_counted():
    before, queries = values("recsys_events_passed_over_total"), values("recsys_price_second_queries_total")[""]
    price_meter.note(91, FEEDS, 10.0, offered_by(1), ["suspended"])
    price_meter.count_second_query()
    after = values("recsys_events_passed_over_total")
    assert after['reason="suspended"'] == before['reason="suspended"'] + 1
    assert after['reason="stale"'] == before['reason="stale"']
    assert values("recsys_price_second_queries_total")[""] == queries + 1
