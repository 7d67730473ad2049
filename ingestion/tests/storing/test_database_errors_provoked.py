"""Kinds of database errors, provoked on a real server."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.utils import DataError, OperationalError

from ingestion.storing.database_errors import DatabaseErrorKind, classify, sqlstate_of
from ingestion.tests.manage_processes import IN_PROCESSES
from tenants.routing.connections import casino_atomic, casino_connection
from tenants.routing.context import use_casino
from tenants.tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow, pytest.mark.covered]


TABLE = "CREATE TABLE scratch (id int PRIMARY KEY, small smallint, CONSTRAINT small_is_positive CHECK (small > 0))"
TRIGGER = """
CREATE FUNCTION scratch_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON scratch FOR EACH ROW EXECUTE FUNCTION scratch_refuse();
"""


@pytest.fixture
def scratch(casino_a):
    """A table in the casino's database, with the row (1, 1)."""
    with use_casino(casino_a.current):
        execute(TABLE)
        execute(TRIGGER)
        execute("INSERT INTO scratch VALUES (1, 1)")
    yield casino_a
    connections["casino_1"].close()
    with use_casino(casino_a.current):
        execute("DROP TABLE scratch")
        execute("DROP FUNCTION scratch_refuse")


def execute(*statements):
    with casino_connection().cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def second_connection():
    """Another session of the same database."""
    own = connections["casino_1"]
    other = own.copy("casino_1")
    try:
        yield other
    finally:
        other.close()


@pytest.mark.parametrize(
    ("statements", "sqlstate", "kind"),
    [
        (["INSERT INTO scratch VALUES (2, 70000)"], "22003", DatabaseErrorKind.BAD_ROW),
        (["INSERT INTO scratch VALUES (2, -1)"], "23514", DatabaseErrorKind.BAD_ROW),
        (["INSERT INTO scratch VALUES (1, 1)"], "23505", DatabaseErrorKind.BAD_ROW),
        (["INSERT INTO scratch VALUES (NULL, 1)"], "23502", DatabaseErrorKind.BAD_ROW),
        (["UPDATE scratch SET small = 2"], "P0001", DatabaseErrorKind.BAD_ROW),
        (["SELECT '[\"\\u0000\"]'::jsonb"], "22P05", DatabaseErrorKind.BAD_ROW),
        (["SELECT * FROM no_such_table"], "42P01", DatabaseErrorKind.OUTAGE),
        (["SET LOCAL statement_timeout = 50", "SELECT pg_sleep(5)"], "57014", DatabaseErrorKind.OUTAGE),
        (["SET LOCAL ROLE pg_read_all_settings", "SELECT * FROM scratch"], "42501", DatabaseErrorKind.OUTAGE),
    ],
)
def test_error_of_a_statement_is_classified(scratch, statements, sqlstate, kind):
    with use_casino(scratch.current), pytest.raises(DatabaseError) as caught, casino_atomic():
        execute(*statements)
    assert (sqlstate_of(caught.value), classify(caught.value)) == (sqlstate, kind)


def test_read_only_database_is_an_outage(scratch):
    with use_casino(scratch.current), pytest.raises(DatabaseError) as caught, casino_atomic():
        execute("SET TRANSACTION READ ONLY", "DELETE FROM scratch")
    assert classify(caught.value) is DatabaseErrorKind.OUTAGE


def test_text_with_a_null_character_is_a_bad_row(scratch):
    with use_casino(scratch.current), pytest.raises(DataError) as caught, casino_connection().cursor() as cursor:
        cursor.execute("SELECT %s", ["a\x00b"])
    assert (sqlstate_of(caught.value), classify(caught.value)) == ("", DatabaseErrorKind.BAD_ROW)


def test_row_locked_by_another_session_is_an_outage(scratch):
    with second_connection() as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM scratch FOR UPDATE")
        with use_casino(scratch.current), pytest.raises(OperationalError) as caught, casino_atomic():
            execute("SET LOCAL lock_timeout = 50", "SELECT * FROM scratch FOR UPDATE")
    assert (sqlstate_of(caught.value), classify(caught.value)) == ("55P03", DatabaseErrorKind.OUTAGE)


def test_serialization_failure_is_a_conflict(scratch):
    with second_connection() as other, use_casino(scratch.current), casino_atomic():
        execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT * FROM scratch")
        with other.cursor() as cursor:
            cursor.execute("DELETE FROM scratch")
        with pytest.raises(OperationalError) as caught, casino_atomic():
            execute("SELECT * FROM scratch FOR UPDATE")
    assert (sqlstate_of(caught.value), classify(caught.value)) == ("40001", DatabaseErrorKind.CONFLICT)


def test_deadlock_is_a_conflict(scratch):
    with second_connection() as other, use_casino(scratch.current), ThreadPoolExecutor(1) as threads:
        execute("INSERT INTO scratch VALUES (2, 2)")
        with casino_atomic():
            execute("SELECT * FROM scratch WHERE id = 1 FOR UPDATE", "SET LOCAL deadlock_timeout = '5s'")
            other.inc_thread_sharing()
            waiting = threads.submit(lock_both, other)
            wait_until(is_any_lock_waited_for)
            execute("SELECT * FROM scratch WHERE id = 2 FOR UPDATE")
        with pytest.raises(OperationalError) as caught:
            waiting.result(10)
    assert (sqlstate_of(caught.value), classify(caught.value)) == ("40P01", DatabaseErrorKind.CONFLICT)


def lock_both(wrapper):
    """Lock the second row, then the first; this session detects the deadlock."""
    with wrapper.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SET LOCAL deadlock_timeout = '200ms'")
        cursor.execute("SELECT * FROM scratch WHERE id = 2 FOR UPDATE")
        cursor.execute("SELECT * FROM scratch WHERE id = 1 FOR UPDATE")


def is_any_lock_waited_for():
    with casino_connection().cursor() as cursor:
        cursor.execute("SELECT FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


def test_terminated_session_is_an_outage(scratch):
    with second_connection() as other, use_casino(scratch.current):
        execute("SELECT 1")
        mine = casino_connection().connection.info.backend_pid
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])
        with pytest.raises(DatabaseError) as caught:
            execute("SELECT 1")
    assert classify(caught.value) is DatabaseErrorKind.OUTAGE


def test_missing_database_is_an_outage(scratch):
    wrapper = connections["casino_1"].copy("casino_1")
    wrapper.settings_dict = {**wrapper.settings_dict, "NAME": "no_such_database"}
    with pytest.raises(OperationalError, match=re.escape('"no_such_database" does not exist')) as caught:
        wrapper.ensure_connection()
    assert classify(caught.value) is DatabaseErrorKind.OUTAGE


def test_transaction_that_can_not_be_rolled_back_is_an_outage(scratch):
    """A broken connection before the rollback to a savepoint has this effect; no message causes it."""
    with use_casino(scratch.current), casino_atomic():
        transaction.set_rollback(True, using="casino_1")
        with pytest.raises(transaction.TransactionManagementError) as caught:
            execute("SELECT 1")
    assert classify(caught.value) is DatabaseErrorKind.OUTAGE
