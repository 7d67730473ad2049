"""Trends stay the same object while the database returns equal ones."""

import msgspec

from recommendations.tallies.trend_cache import TrendCache
from tenants.routing.context import use_casino


def rows(weight):
    return msgspec.json.encode([["sport", "FOOTBALL", weight, 1.0, 3, 0.0]]).decode()


def test_equal_trends_of_a_casino_are_decoded_once(casino_a, casino_b, now):
    cache = TrendCache(2)
    with use_casino(casino_a.current):
        first = cache.put(rows(1.0), now)
        assert cache.put(rows(1.0), now) is first
        assert cache.put(rows(2.0), now).weights == {"sport": {"FOOTBALL": 2.0}}
        assert cache.get(now) not in (None, first)
        assert not cache.put(None, now)
        cache.put(rows(1.0), now)
    with use_casino(casino_b.current):
        assert cache.get(now) is None
        assert cache.put(rows(3.0), now).weights == {"sport": {"FOOTBALL": 3.0}}
    with use_casino(casino_a.current):
        kept = cache.get(now)
        assert kept is not None
        assert kept.weights == first.weights


def test_unreadable_trends_are_none_each_time_until_they_are_readable(casino_a, now, caplog):
    cache = TrendCache(1)
    with use_casino(casino_a.current):
        for _ in range(2):
            assert not cache.put("[1", now)
        assert len(caplog.records) == 2
        assert cache.put(rows(1.0), now).weights == {"sport": {"FOOTBALL": 1.0}}
