"""After any change of events, the offer read equals the database at that moment."""

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.transaction import set_rollback
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommendations.models import OfferVersion
from recommendations.offer import read_offer
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import open_rows, rows_of
from recommendations.tests.threads import run_threads
from tenants.routing.connections import casino_atomic, casino_connection, current_alias
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

NOW = datetime(2050, 6, 1, 18, tzinfo=UTC)
INSERT = (
    "INSERT INTO events "
    "(id, begin_timestamp, end_timestamp, status, country, league, sport, odd, home_team, away_team) "
    "VALUES (%s, %s, %s, %s, 'C1', 'L1', 'S1', 2.125, 'H1', 'A1') ON CONFLICT (id) DO UPDATE SET odd = events.odd + 1"
)

ids = st.integers(1, 9)
moments = st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours, microseconds=123_457))
begins = moments.map(lambda moment: moment - timedelta(hours=7))  # before any event's end
statuses = st.sampled_from(["OPEN", "OPEN", "OPEN", "SUSPENDED", "CANCELLED", "SETTLED"])


def updated(column, value):
    return f"UPDATE events SET {column} = %s WHERE id BETWEEN %s AND %s", [value]


changes = st.one_of(
    *[st.builds(updated, st.just(name), st.sampled_from("ABC")) for name in ("sport", "league", "country")],
    st.builds(updated, st.just("home_team"), st.sampled_from(["T1", "T2", "T3"])),
    st.builds(updated, st.just("odd"), st.sampled_from(["1.001", "2.125", "NaN"])),
    st.builds(updated, st.just("status"), statuses),
    st.builds(updated, st.just("timestamp"), moments),
    st.builds(updated, st.just("end_timestamp"), moments.filter(lambda moment: moment > NOW)),
    st.builds(updated, st.just("begin_timestamp"), begins),
)
inserts = st.builds(
    lambda event_id, end, status: (INSERT, [event_id, end - timedelta(hours=9), end, status]), ids, moments, statuses
)
ranged_updates = st.builds(
    lambda change, first, more: (change[0], [*change[1], first, first + more]), changes, ids, st.integers(0, 3)
)
moves = st.builds(
    lambda old, new: (
        "UPDATE events SET id = %s WHERE id = %s AND NOT EXISTS (SELECT FROM events WHERE id = %s)",
        [new, old, new],
    ),
    ids,
    ids,
)
deletes = st.builds(lambda event_id: ("DELETE FROM events WHERE id = %s", [event_id]), ids)
others: st.SearchStrategy[tuple[str, list[Any]]] = st.sampled_from(
    [("TRUNCATE events CASCADE", []), ("DELETE FROM offer_version", [])]
)
statements = st.one_of(inserts, inserts, inserts, ranged_updates, ranged_updates, moves, deletes, others)
transactions = st.lists(st.tuples(statements, st.booleans()), min_size=1, max_size=4)
histories = st.lists(st.tuples(st.booleans(), transactions, st.booleans()), max_size=10)


def execute(sql, parameters=()):
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)


def comparable(rows):
    return [tuple(repr(value) for value in row) for row in rows]  # NaN equals nothing


def assert_fresh():
    assert comparable(rows_of(read_offer(NOW))) == comparable(open_rows(NOW))


def run(transaction, *, is_rolled_back):
    with casino_atomic():
        for (sql, parameters), is_read in transaction:
            execute(sql, parameters)
            if is_read:
                assert_fresh()
        set_rollback(is_rolled_back, using=current_alias())


@pytest.mark.no_cover
@pytest.mark.scaled
@settings(max_examples=scaled(15, 30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories)
def test_after_any_history_of_two_casinos_each_offer_equals_its_database(casino_a, casino_b, history):
    both = (casino_a, casino_b)
    for casino in both:
        with use_casino(casino.current):
            execute("SET CONSTRAINTS ALL IMMEDIATE")
            execute("TRUNCATE events CASCADE")
    for in_first, transaction, is_rolled_back in history:
        with use_casino(both[not in_first].current):
            run(transaction, is_rolled_back=is_rolled_back)
        for casino in both:
            with use_casino(casino.current):
                assert_fresh()


def test_a_version_that_is_lost_again_is_not_taken_for_the_one_before(casino_a, casino_b):
    """A statement that changes nothing inserts the lost row, with the same version each time."""
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            execute(INSERT, [1, NOW, NOW + timedelta(hours=1), "OPEN"])
            for change in ("odd = odd + 1", "sport = 'S2'"):
                execute("DELETE FROM offer_version")
                execute("UPDATE events SET odd = odd")
                assert_fresh()
                execute(f"UPDATE events SET {change}")
            execute("DELETE FROM offer_version")
            execute("UPDATE events SET odd = odd")
            assert_fresh()


@pytest.mark.no_cover
@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_while_events_change_every_read_equals_the_database_at_its_version(casino_a, casino_b):
    rows_at, reads, written = {}, [], [threading.Event(), threading.Event()]

    def write(rng):
        for _ in range(60):
            with casino_atomic():
                for _ in range(rng.choice([1, 1, 1, 2, 5])):
                    execute(*random_statement(rng))
                is_rolled_back = rng.random() < 0.2
                if not is_rolled_back:  # the version's lock is held: what is seen here is what all will see
                    rows_at[version()] = open_rows(NOW)
                set_rollback(is_rolled_back, using=current_alias())

    def read():
        while not all(each.is_set() for each in written):
            before = version()
            offer = read_offer(NOW)
            assert offer.version >= before
            reads.append((offer.version, rows_of(offer)))

    def work(number):
        if number >= len(written):
            return read()
        try:
            return write(random.Random(number))
        finally:
            written[number].set()

    with use_casino(casino_a.current):
        rows_at[version()] = []
    run_threads(casino_a, work)
    assert all(rows == rows_at[seen] for seen, rows in reads)
    assert len({seen for seen, _ in reads}) > 5


def version():
    return OfferVersion.objects.get().version


def random_statement(rng):
    event_id = rng.randint(1, 30)
    if rng.random() < 0.4:
        end = NOW + timedelta(hours=rng.randint(-1, 5))
        return INSERT, [event_id, end - timedelta(hours=9), end, rng.choice(["OPEN", "OPEN", "SUSPENDED"])]
    if rng.random() < 0.2:
        return "DELETE FROM events WHERE id = %s", [event_id]
    change = rng.choice(["odd = odd + 0.5", "league = 'L' || id % 7", "status = 'OPEN'", "timestamp = now()"])
    return f"UPDATE events SET {change.replace('%', '%%')} WHERE id BETWEEN %s AND %s", [event_id, event_id + 3]
