"""The offer cache: patched if the database has another version, reloaded if the log is incomplete, limited in bytes."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.db.transaction import set_rollback

from recommendations.models import Event, OfferChange, OfferVersion
from recommendations.offer import MemoKey, OfferCache, load_offer, offers, read_offer
from recommendations.offer.queries import query_changes
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import EventFactory, open_rows, rows_of
from recommendations.tests.threads import THREADS, run_threads
from tenants.current_casino import CurrentCasino
from tenants.errors import NoCurrentCasino
from tenants.routing.connections import casino_atomic, casino_connection, current_alias
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

READ_ALL = "open_events("


@pytest.fixture
def cache():
    return OfferCache(max_bytes=1_000_000)


def version():
    return OfferVersion.objects.get().version


def read(cache, now):
    known = cache.known()
    return cache.advance(known, *query_changes(known.version, now), now)


def read_of(cache, casino, now):
    with use_casino(casino.current):
        return read(cache, now)


def execute(sql):
    with casino_connection().cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def reads_all(django_assert_num_queries):
    """Whether the last `read_offer` had to read all events."""

    def reads(now, *, queries):
        with django_assert_num_queries(queries, connection=casino_connection()) as captured:
            read_offer(now)
        return any(READ_ALL in query["sql"] for query in captured.captured_queries)

    return reads


def test_a_warm_offer_is_read_by_one_query_changed_or_not(casino_a, casino_b, now, reads_all):
    with use_casino(casino_b.current):
        EventFactory.create_batch(2)
    with use_casino(casino_a.current):
        event = EventFactory.create()
        read_offer(now)
        assert not reads_all(now, queries=1)
        EventFactory.create_batch(50)
        Event.objects.filter(pk=event.pk).update(odd=9)
        assert not reads_all(now, queries=1)
        assert rows_of(read_offer(now)) == open_rows(now)


def test_an_unchanged_offer_is_the_same_snapshot(cache, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create_batch(2)
        assert read(cache, now) is read(cache, now)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET odd = 9",
        "DELETE FROM events WHERE id = 1",
        "INSERT INTO events SELECT 3, country, begin_timestamp, end_timestamp, league, sport, odd, 'X', 'Y' FROM events"
        " WHERE id = 1",
        "UPDATE events SET status = 'SUSPENDED' WHERE id = 2",
        "TRUNCATE events CASCADE",
    ],
)
def test_any_change_of_events_reaches_the_cached_offer(cache, casino_a, now, change):
    with use_casino(casino_a.current):
        EventFactory.create(id=1)
        EventFactory.create(id=2)
        first = read(cache, now)
        before = rows_of(first)
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(change)
        second = read(cache, now)
        assert rows_of(second) == open_rows(now) != before
        assert rows_of(first) == before
        assert read(cache, now) is second


def test_a_nan_odd_is_the_same_patched_or_loaded(cache, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create(id=1)
        read(cache, now)
        execute("UPDATE events SET odd = 'NaN'")
        assert str(read(cache, now).odds) == str(load_offer(now).odds) == "[nan]"


def test_a_version_below_the_cached_one_reloads_the_offer(cache, casino_a, now):
    """Restoring an older database has this effect."""
    with use_casino(casino_a.current):
        restored = version()
        EventFactory.create()
        assert len(read(cache, now)) == 1
        Event.objects.all().delete()
        OfferVersion.objects.update(version=restored)
        assert len(read(cache, now)) == 0


def test_a_version_that_comes_again_after_a_failover_reloads_the_offer(cache, casino_a, now):
    """The new primary never had a change that this process has read, and gives its number to another change."""
    with use_casino(casino_a.current):
        EventFactory.create(id=1)
        with casino_atomic():
            EventFactory.create(id=2)
            lost = version()
            assert list(read(cache, now).ids) == [1, 2]
            set_rollback(True, using=current_alias())
        execute(f"SELECT setval('offer_version_seq', {lost >> 24}, false)")
        Event.objects.filter(id=1).update(status="CANCELLED")
        assert version() >> 24 == lost >> 24
        assert list(read(cache, now).ids) == []


def test_an_offer_read_in_a_rolled_back_transaction_is_not_served(cache, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create(id=1)
        with casino_atomic():
            EventFactory.create(id=2)
            assert list(read(cache, now).ids) == [1, 2]
            set_rollback(True, using=current_alias())
        EventFactory.create(id=3)
        assert list(read(cache, now).ids) == [1, 3]


def test_a_change_of_other_tables_does_not_change_the_offer(cache, casino_a, now):
    with use_casino(casino_a.current):
        first = read(cache, now)
        execute("INSERT INTO teams (name, sport) VALUES ('A', 'B')")
        assert read(cache, now) is first


def test_without_a_version_the_cache_is_not_used(cache, casino_a, now):
    with use_casino(casino_a.current):
        OfferVersion.objects.all().delete()
        assert read(cache, now) is not read(cache, now)


def test_events_that_are_over_are_dropped_at_the_next_change(cache, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create(id=1, begin_timestamp=now + timedelta(hours=1))
        EventFactory.create(id=2)
        later = now + timedelta(hours=4)
        assert list(read(cache, now).ids) == list(read(cache, later).ids) == [1, 2]
        Event.objects.filter(id=2).update(odd=9)
        assert list(read(cache, later).ids) == [2]


def test_a_postponed_event_returns_to_the_offer(cache, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create(id=1, begin_timestamp=now - timedelta(hours=9))
        assert len(read(cache, now)) == 0
        Event.objects.update(end_timestamp=now + timedelta(hours=1))
        assert list(read(cache, now).ids) == [1]


def test_a_request_patches_its_own_snapshot_despite_concurrent_reads(cache, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create(id=1)
        read(cache, now)
        slow = cache.known()
        EventFactory.create(id=2)
        answer = query_changes(slow.version, now)
        EventFactory.create(id=3)
        newest = read(cache, now)
        assert list(cache.advance(slow, *answer, now).ids) == [1, 2]
        assert read(cache, now) is newest


def test_a_request_that_must_reload_uses_a_concurrent_load(cache, casino_a, now, django_assert_num_queries):
    with use_casino(casino_a.current):
        EventFactory.create(id=1)
        slow = cache.known()
        answer = query_changes(slow.version, now)
        newest = read(cache, now)
        EventFactory.create(id=2)
        with django_assert_num_queries(1, connection=casino_connection()):
            assert list(cache.advance(slow, *answer, now).ids) == [1, 2]
        assert list(newest.ids) == [1]


def test_each_casino_has_its_own_offer(cache, casino_a, casino_b, now):
    for casino, events in ((casino_a, 1), (casino_b, 3)):
        with use_casino(casino.current):
            EventFactory.create_batch(events)
    assert [len(read_of(cache, casino, now)) for casino in (casino_a, casino_b)] == [1, 3]


def test_without_a_current_casino_there_is_no_offer(cache):
    with pytest.raises(NoCurrentCasino):
        cache.known()


def test_below_the_size_limit_all_offers_stay_cached(cache, casino_a, casino_b, now):
    first = read_of(cache, casino_a, now)
    read_of(cache, casino_b, now)
    assert read_of(cache, casino_a, now) is first


def test_above_the_size_limit_the_least_recently_used_offers_are_dropped_but_one(casino_a, casino_b, now):
    cache = OfferCache(max_bytes=1)
    first, other = read_of(cache, casino_a, now), read_of(cache, casino_b, now)
    assert read_of(cache, casino_b, now) is other
    assert read_of(cache, casino_a, now) is not first


def test_values_in_a_memo_count_towards_the_size(cache, casino_a, casino_b, now):
    read_of(cache, casino_a, now)
    read_of(cache, casino_b, now).memo.keep(MemoKey[memoryview]("large"), memoryview(bytes(2_000_000)))
    assert is_cached(cache, casino_b)
    with use_casino(casino_a.current):
        EventFactory.create()
        read(cache, now)
    assert is_cached(cache, casino_a)
    assert not is_cached(cache, casino_b)


def is_cached(cache, casino):
    with use_casino(casino.current):
        return cache.known().offer is not None


def test_a_read_counts_as_use(casino_a, casino_b, now):
    first = read_of(OfferCache(max_bytes=1), casino_a, now)
    cache = OfferCache(max_bytes=int(2.5 * first.nbytes))
    first, second = read_of(cache, casino_a, now), read_of(cache, casino_b, now)
    read_of(cache, casino_a, now)
    third = CurrentCasino(id=casino_a.pk + 2, db_name=casino_b.db_name)
    connections.settings = {**connections.settings, third.alias: connections.settings["casino_2"]}
    connections[third.alias] = connections["casino_2"]  # a third casino that shares the second's database
    try:
        with use_casino(third):
            read(cache, now)
    finally:
        del connections[third.alias]
        connections.settings = {name: each for name, each in connections.settings.items() if name != third.alias}
    assert read_of(cache, casino_a, now) is first
    assert read_of(cache, casino_b, now) is not second


def test_the_process_has_one_cache_of_the_settings_size(casino_a, now):
    with use_casino(casino_a.current):
        assert read_offer(now) is offers.known().offer


@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_of_concurrent_misses_one_loads_the_offer(cache, casino_a, now):
    start = threading.Barrier(THREADS)

    def read_concurrently(_):
        known = cache.known()
        answer = query_changes(known.version, now)
        start.wait()
        return cache.advance(known, *answer, now)

    with use_casino(casino_a.current):
        EventFactory.create_batch(3)
        assert OfferChange.objects.exists()
    found = run_threads(casino_a, read_concurrently)
    assert all(offer is found[0] for offer in found)
