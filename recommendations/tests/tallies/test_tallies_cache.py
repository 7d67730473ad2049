"""Cached tallies are those of the columns that the query returned, of no other user, and bounded."""

import msgspec
import pytest

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.tallies.selections import TallyCoupon, TallySelection
from recommendations.tallies.tallies_cache import SECONDS, TalliesCache, tallies_cache
from recommendations.tallies.user_tallies_sql import merge_tallies
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, selection
from tenants.routing.context import use_casino

USER, SAME_ID_OF_ANOTHER_CASINO = (1, 31), (2, 31)
HOUR = 3_600.0


def unmerged(*leagues, **more):
    """The column of coupons with one selection each, in these leagues."""
    coupons = [
        TallyCoupon(key, key * HOUR, 10.0, [msgspec.convert(selection(league=league, **more), TallySelection)])
        for key, league in enumerate(leagues, start=1)
    ]
    return msgspec.json.encode(coupons).decode()


def test_equal_columns_are_unpacked_once():
    cache, packed = TalliesCache(), merge_tallies(None, unmerged("A")).encode()
    first = cache.merge(USER, packed, unmerged("B"))
    assert cache.merge(USER, bytes(bytearray(packed)), unmerged("B")) is first
    assert set(first.counts["league"]) == set(merge_tallies(packed, unmerged("B")).counts["league"])


@pytest.mark.parametrize("change", ["packed", "unmerged", "emptied"])
def test_other_columns_are_unpacked_again(change):
    cache, packed = TalliesCache(), merge_tallies(None, unmerged("A")).encode()
    cache.merge(USER, packed, unmerged("B"))
    columns = {
        "packed": (merge_tallies(None, unmerged("C")).encode(), unmerged("B")),
        "unmerged": (packed, unmerged("B", "C")),
        "emptied": (None, None),
    }[change]
    assert cache.merge(USER, *columns).counts == merge_tallies(*columns).counts


def test_users_of_two_casinos_share_nothing():
    cache = TalliesCache()
    mine = cache.merge(USER, None, unmerged("A"))
    assert cache.merge(SAME_ID_OF_ANOTHER_CASINO, None, unmerged("B")).counts != mine.counts
    assert cache.merge(USER, None, unmerged("A")) is mine


def test_what_was_computed_for_one_hour_is_not_served_in_the_next():
    cached, fresh = TalliesCache().merge(USER, None, unmerged("A", "B")), merge_tallies(None, unmerged("A", "B"))
    for hour in (10 * HOUR, 11 * HOUR, 10 * HOUR):
        assert cached.weights_at(hour) == fresh.weights_at(hour)
    assert cached.weights_at(10 * HOUR) != cached.weights_at(11 * HOUR)
    assert cached.events_bet_on() == fresh.events_bet_on() == cached.events_bet_on()


def test_adding_a_coupon_forgets_what_was_computed():
    tallies = merge_tallies(None, unmerged("A", event_id=1))
    before = tallies.counts, tallies.weights_at(HOUR), tallies.events_bet_on()
    tallies.add(TallyCoupon(9, HOUR, 10.0, [msgspec.convert(selection(league="B", event_id=2), TallySelection)]))
    after = tallies.counts, tallies.weights_at(HOUR), tallies.events_bet_on()
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_the_least_recently_used_user_leaves_first_and_the_bytes_are_bounded():
    size = _size_of("A")
    cache = TalliesCache(max_bytes=10 * size)
    entries = {user: cache.merge((1, user), None, unmerged("A")) for user in range(10)}
    cache.merge((1, 0), None, unmerged("A"))
    cache.merge((1, 99), None, unmerged("A"))
    assert cache.nbytes == 10 * size
    assert cache.merge((1, 0), None, unmerged("A")) is entries[0]
    assert cache.merge((1, 1), None, unmerged("A")) is not entries[1]


def test_one_user_takes_at_most_an_eighth():
    cache = TalliesCache(max_bytes=7 * _size_of("A"))
    assert cache.merge(USER, None, unmerged("A")) is not cache.merge(USER, None, unmerged("A"))
    assert not cache.nbytes


def test_nothing_is_kept_for_longer_than_its_time():
    now = [0.0]
    cache = TalliesCache(timer=lambda: now[0])
    first = cache.merge(USER, None, unmerged("A"))
    now[0] = SECONDS - 1
    assert cache.merge(USER, None, unmerged("A")) is first
    now[0] = SECONDS + 1
    assert cache.merge(USER, None, unmerged("A")) is not first


def test_tallies_whose_reading_changes_them_are_not_shared():
    cache, columns = TalliesCache(), (None, unmerged("A", market="1X2", outcome="HOME"))
    assert cache.merge(USER, *columns) is not cache.merge(USER, *columns)


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_a_recommendation_from_memory_equals_a_first_one(caller_a, casino_a, name):
    with use_casino(casino_a.current):
        user = UserFactory.create(id=1)
        EventFactory.create_batch(20)
        TalliedCouponFactory.create_batch(30, user=user)
    caller_a.configure(name)
    answers = []
    for clear in (tallies_cache.clear, lambda: None, tallies_cache.clear):
        clear()
        answers.append(caller_a.get("/recommend/1?explain=1").json())
    for each in answers:
        del each["time"]
    assert answers[0] == answers[1] == answers[2]
    assert tallies_cache.nbytes


def _size_of(league):
    cache = TalliesCache()
    cache.merge(USER, None, unmerged(league))
    return cache.nbytes
