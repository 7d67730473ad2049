"""The kept prices of a process: dropped as the log says, and as of the very version that a request's query read."""

import pytest

from recommendations.prices.cache import (
    _BYTES_OF_ROW,
    _BYTES_OF_USED,
    FORGET_ALL,
    FORGET_PRICES,
    PriceCache,
    price_cache,
)
from recommendations.prices.event_prices import PackedPrices, packed_prices
from recommendations.prices.lines import Lines
from recommendations.prices.request_prices import prices_of_query
from tenants.routing.context import use_casino

LINES = Lines([(1, "1X2", "", ["HOME", "AWAY"])])


def priced(odd: int) -> PackedPrices:
    return packed_prices(([1], [0], ["open"], [0.0], [[odd, odd]]), LINES)


@pytest.fixture
def cache(casino_a):
    with use_casino(casino_a.current):
        yield PriceCache(1_000_000)


def keep(cache, version, *event_ids, are_used=False):
    cache.put(cache.known(), version, {event_id: priced(2_000) for event_id in event_ids}, are_used=are_used)


def kept(cache, version, changed=None, known=None):
    """The ids of the kept prices at the end of a request whose query read this version."""
    return set(cache.get(cache.advance(known or cache.known(), version, changed), range(100)))


def test_prices_are_kept_until_the_log_says_that_they_changed(cache):
    keep(cache, 5, 1, 2, 3)
    assert kept(cache, 5) == {1, 2, 3}
    assert kept(cache, 7, [2, 77]) == {1, 3}
    assert kept(cache, 7) == {1, 3}
    assert cache.known().version == 7


@pytest.mark.parametrize("code", [FORGET_PRICES, FORGET_ALL])
def test_too_many_changes_and_a_lost_version_forget_all_prices(cache, code):
    keep(cache, 5, 1, 2)
    cache.known().kept.lines.include([(1, "1X2", "", ["HOME"])])
    assert kept(cache, 4, [code]) == set()  # a database that was set back has a lower version
    assert len(cache.known().kept.lines) == (1 if code == FORGET_PRICES else 0)
    keep(cache, 4, 1)
    assert kept(cache, 4) == {1}


@pytest.mark.parametrize("version", [6, 8])
def test_rows_of_another_version_than_the_kept_one_are_not_kept(cache, version):
    keep(cache, 5, 1)
    slow = cache.known()
    kept(cache, 7, [2])
    cache.put(slow, version, {2: priced(2_000)}, are_used=True)
    assert kept(cache, 7) == {1}
    cache.put(slow, 7, {2: priced(2_000)}, are_used=True)
    assert kept(cache, 7) == {1, 2}


def test_a_request_does_not_use_prices_that_are_older_than_its_query(cache):
    keep(cache, 5, 1)
    slow, fast = cache.known(), cache.known()
    assert kept(cache, 6, [2], known=fast) == {1}
    assert kept(cache, 8, [1], known=slow) == set()
    assert kept(cache, 6) == {1}


def test_a_request_does_not_use_prices_that_are_newer_than_its_query(cache):
    keep(cache, 5, 1)
    slow, fast = cache.known(), cache.known()
    in_time = cache.advance(cache.known(), 5, None)
    assert kept(cache, 6, [], known=fast) == {1}
    assert kept(cache, 5, known=slow) == set()
    assert cache.get(in_time, [1]) == {}


def test_a_request_that_asked_for_no_changes_uses_none_that_others_kept(cache):
    cold = cache.known()
    keep(cache, 5, 1)
    assert cache.get(cold, [1]) == {}


def asked_for(cache):
    return {int(each) for each in cache.known().parameters["price_events"].strip("{}").split(",") if each}


def test_a_query_asks_for_the_prices_that_requests_used(cache):
    keep(cache, 5, 1, 2, 3)
    keep(cache, 5, 4, are_used=True)
    assert asked_for(cache) == {4}
    for event_ids in ([1, 3], [4]):
        cache.get(cache.advance(cache.known(), 5, None), event_ids)
    assert asked_for(cache) == {1, 3, 4}
    assert kept(cache, 6, [3, 2]) == {1, 4}
    keep(cache, 6, 3)
    assert asked_for(cache) == {1, 3, 4}
    kept(cache, 7, [FORGET_PRICES])
    assert asked_for(cache) == {1, 3, 4}
    kept(cache, 8, [FORGET_ALL])
    assert asked_for(cache) == set()


def test_prices_that_two_queries_brought_are_still_asked_for_once_used(cache):
    keep(cache, 5, 1)
    first, second = cache.known(), cache.known()
    for known in (first, second):
        advanced = cache.advance(known, 6, [1])
        cache.put(advanced, 6, {1: priced(2_000)}, are_used=False)
        assert cache.get(advanced, [1]) == {1: priced(2_000)}
        cache.put(advanced, 6, {1: priced(2_000)}, are_used=False)
        assert asked_for(cache) == {1}


CHANGED = '[[1], [[1, [[1], [0], ["open"], [0], [[3000, 3000]]]]]]'


@pytest.mark.usefixtures("cache")
def test_changed_lines_are_put_into_the_prices_that_the_query_asked_about():
    price_cache.known().kept.lines.include([(1, "1X2", "", ["HOME", "AWAY"])])
    keep(price_cache, 5, 1, 2)
    slow = price_cache.known()
    prices_of_query(price_cache.known(), [6, CHANGED, None])
    assert price_cache.known().kept.rows == {1: priced(3_000), 2: priced(2_000)}
    prices_of_query(slow, [7, CHANGED, None])  # its changes are since version 5
    assert price_cache.known().version == 6
    prices_of_query(price_cache.known(), [7, "[[1], null]", None])
    assert kept(price_cache, 7) == {2}


@pytest.mark.usefixtures("cache")
def test_changed_lines_are_not_put_beside_other_market_lines_than_those_of_their_prices():
    price_cache.known().kept.lines.include([(1, "1X2", "", ["HOME", "AWAY"])])
    keep(price_cache, 5, 1)
    known, other = price_cache.known(), price_cache.known()
    prices_of_query(other, [6, "[[-1], null]", None])
    prices_of_query(known, [6, CHANGED, None])
    assert price_cache.known().kept.rows == {}


def test_a_query_asks_for_a_bounded_number_of_prices_those_used_last(cache):
    keep(cache, 5, *range(1, 1_201), are_used=True)
    cache.get(cache.advance(cache.known(), 5, None), [1, 2])
    assert asked_for(cache) == {*range(1, 1_201)}
    keep(cache, 5, 1_201, are_used=True)
    assert asked_for(cache) == {1, 2, *range(204, 1_202)}
    keep(cache, 5, 1_202, are_used=True)
    assert asked_for(cache) == {1, 2, *range(204, 1_203)}


def test_without_a_version_nothing_is_kept(cache):
    keep(cache, None, 1)
    assert kept(cache, None) == set()
    keep(cache, 5, 1)
    assert kept(cache, None, [FORGET_ALL]) == set()
    assert cache.known().version is None


def test_the_size_is_counted_and_the_rows_read_first_are_dropped(casino_a):
    with use_casino(casino_a.current):
        size = len(priced(2_000)) + _BYTES_OF_ROW
        cache = PriceCache(size * 8)
        for event_id in range(20):
            keep(cache, 5, event_id)
            assert cache.nbytes <= size * 8
        rows = cache.known().kept.rows
        assert cache.nbytes == size * len(rows)
        assert 19 in rows
        assert 0 not in rows
        keep(cache, 5, 19, are_used=True)
        assert cache.nbytes == size * len(rows) + _BYTES_OF_USED
        keep(cache, 5, *range(20, 40))
        assert asked_for(cache) == set()  # of what was dropped for want of room, no change is asked for


def test_the_casino_used_least_recently_is_forgotten_first(casino_a, casino_b):
    size = len(priced(2_000)) + _BYTES_OF_ROW
    cache = PriceCache(size * 3)
    with use_casino(casino_a.current):
        keep(cache, 5, 1, 2)
    with use_casino(casino_b.current):
        assert kept(cache, 5) == set()
        keep(cache, 5, 1, 2)
        assert kept(cache, 5) == {1, 2}
    with use_casino(casino_a.current):
        assert cache.known().version is None
