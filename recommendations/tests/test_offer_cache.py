"""The offers kept in memory: read again only when the database's version is another, and only so many of them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from recommendations.models import Event, OfferVersion
from recommendations.offer import OfferCache
from tenants.connections import casino_connection
from tenants.context import CurrentCasino, use_casino
from tenants.errors import NoCurrentCasino

from .conftest import TEST_DATABASES
from .factories import EventFactory


@pytest.fixture
def cache():
    return OfferCache(capacity=2)


def version():
    return OfferVersion.objects.get().version


def get(cache, casino, now):
    with use_casino(casino.current):
        return cache.get(version(), now)


def test_an_unchanged_offer_is_read_once(cache, casino_a, now, django_assert_num_queries):
    with use_casino(casino_a.current):
        EventFactory.create_batch(2)
        known = version()
        first = cache.get(known, now)
        with django_assert_num_queries(0, connection=casino_connection()):
            assert cache.get(known, now) is first


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET odd = 9",
        "DELETE FROM events WHERE id = 1",
        "INSERT INTO events SELECT 3, country, begin_timestamp, end_timestamp, league, sport, odd, 'X', 'Y' FROM events"
        " WHERE id = 1",
        "TRUNCATE events CASCADE",
    ],
)
def test_a_changed_offer_is_read_again_whoever_changed_it(cache, casino_a, now, change):
    with use_casino(casino_a.current):
        EventFactory.create(id=1)
        EventFactory.create(id=2)
        first = cache.get(version(), now)
        with casino_connection().cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(change)
        second = cache.get(version(), now)
        assert second is not first
        assert (list(second.ids), list(second.odds)) != (list(first.ids), list(first.odds))
        assert cache.get(version(), now) is second


def test_a_version_lower_than_the_one_in_memory_is_read_again(cache, casino_a, now):
    """As after the restoring of an older database."""
    with use_casino(casino_a.current):
        restored = version()
        EventFactory.create()
        assert len(cache.get(version(), now)) == 1
        Event.objects.all().delete()
        OfferVersion.objects.update(version=restored)
        assert len(cache.get(version(), now)) == 0


def test_a_change_of_other_tables_leaves_the_offer_alone(cache, casino_a, now):
    with use_casino(casino_a.current):
        first = cache.get(version(), now)
        with casino_connection().cursor() as cursor:
            cursor.execute("INSERT INTO teams (name, sport) VALUES ('A', 'B')")
        assert cache.get(version(), now) is first


def test_without_a_version_nothing_is_taken_from_memory(cache, casino_a, now):
    with use_casino(casino_a.current):
        OfferVersion.objects.all().delete()
        assert cache.get(None, now) is not cache.get(None, now)


def test_each_casino_has_its_own_offer(cache, casino_a, casino_b, now):
    for casino, events in ((casino_a, 1), (casino_b, 3)):
        with use_casino(casino.current):
            EventFactory.create_batch(events)
    assert [len(get(cache, casino, now)) for casino in (casino_a, casino_b)] == [1, 3]


def test_without_a_current_casino_there_is_no_offer(cache, now):
    with pytest.raises(NoCurrentCasino):
        cache.get(1, now)


def test_within_its_capacity_all_casinos_stay_in_memory(cache, casino_a, casino_b, now):
    first = get(cache, casino_a, now)
    get(cache, casino_b, now)
    assert get(cache, casino_a, now) is first


def test_beyond_its_capacity_the_casino_asked_for_longest_ago_goes(casino_a, casino_b, now):
    cache = OfferCache(capacity=1)
    first, other = get(cache, casino_a, now), get(cache, casino_b, now)
    assert get(cache, casino_b, now) is other
    assert get(cache, casino_a, now) is not first


def test_being_asked_for_counts_as_use(cache, casino_a, casino_b, now):
    first, second = get(cache, casino_a, now), get(cache, casino_b, now)
    get(cache, casino_a, now)
    third = CurrentCasino(id=casino_a.pk + 2, db_name=casino_b.db_name)
    connections.settings = {**connections.settings, third.alias: connections.settings["casino_2"]}
    connections[third.alias] = connections["casino_2"]  # a third casino that shares the second's database
    try:
        with use_casino(third):
            cache.get(version(), now)
    finally:
        del connections[third.alias]
        connections.settings = {name: each for name, each in connections.settings.items() if name != third.alias}
    assert get(cache, casino_a, now) is first
    assert get(cache, casino_b, now) is not second


@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_of_many_threads_that_miss_at_once_one_reads_for_all(cache, casino_a, now):
    start = threading.Barrier(6)

    def ask(_):
        try:
            with use_casino(casino_a.current):
                known = version()
                start.wait()
                return cache.get(known, now)
        finally:
            connections.close_all()

    with use_casino(casino_a.current):
        EventFactory.create_batch(3)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(ask, range(6)))
    assert all(offer is found[0] for offer in found)


@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_while_events_change_no_thread_gets_an_offer_older_than_the_version_it_read(cache, casino_a, now):
    stop = threading.Event()

    def ask(_):
        try:
            asked = 0
            with use_casino(casino_a.current):
                while not stop.is_set() or not asked:
                    known = version()
                    offer = cache.get(known, now)
                    assert offer.version >= known
                    assert len(offer) >= known - first_version
                    asked += 1
            return asked
        finally:
            connections.close_all()

    with use_casino(casino_a.current), casino_connection().cursor() as cursor:
        first_version = version()
        with ThreadPoolExecutor(3) as pool:
            threads = [pool.submit(ask, n) for n in range(3)]
            for _ in range(40):
                EventFactory.create()
            stop.set()
            assert all(thread.result() for thread in threads)
        cursor.execute("SELECT count(*) FROM events")
        assert cursor.fetchone()[0] == 40
        assert version() == first_version + 40
