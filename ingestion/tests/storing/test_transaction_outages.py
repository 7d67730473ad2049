"""Storing to a database that is unavailable, or with conflicting transactions. Rows are really committed."""

import pytest
from django.db import Error

from ingestion.errors import DatabaseUnavailable
from ingestion.storing.transaction import ATTEMPTS
from ingestion.tests.decoded_messages import decoded_messages
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from tenants.models import Casino

from .test_ledger import offsets, store, users
from .test_transaction import ids, trigger, trigger_calls

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_conflict_is_retried(casino_a, sqlstate):
    with trigger(f"IF nextval('trigger_calls') <= 3 THEN RAISE SQLSTATE '{sqlstate}'; END IF;"):
        assert store(casino_a, users(0, 2)) == ["stored"] * 2
        assert trigger_calls() == 3 + 2


def test_repeated_conflict_makes_the_database_unavailable(casino_a):
    with trigger("PERFORM nextval('trigger_calls'); RAISE SQLSTATE '40001';"):
        with pytest.raises(DatabaseUnavailable):
            store(casino_a, users(0, 1))
        assert trigger_calls() == ATTEMPTS
    assert (ids(casino_a), offsets(casino_a)) == (set(), {})


def test_outage_is_retried_once(casino_a):
    with trigger("IF nextval('trigger_calls') = 1 THEN RAISE SQLSTATE '57P01'; END IF;"):
        assert store(casino_a, users(0, 1)) == ["stored"]
        assert trigger_calls() == 2


def test_repeated_outage_makes_the_database_unavailable_and_rejects_nothing(casino_a):
    with trigger("PERFORM nextval('trigger_calls'); RAISE SQLSTATE '53100' USING MESSAGE = E'disk full\nreally';"):
        with pytest.raises(DatabaseUnavailable, match=r"^disk full$"):
            store(casino_a, decoded_messages(USERS, user(), b"{"))
        assert trigger_calls() == 2


def test_outage_while_bisecting_makes_the_database_unavailable(casino_a):
    body = "IF nextval('trigger_calls') > 4 THEN RAISE SQLSTATE '57P01'; END IF; RAISE SQLSTATE '22003';"
    with trigger(body), pytest.raises(DatabaseUnavailable):
        store(casino_a, users(0, 8))
    assert (ids(casino_a), offsets(casino_a)) == (set(), {})


def test_unknown_error_is_raised_and_nothing_stored(casino_a):
    body = "RAISE SQLSTATE '2D000' USING MESSAGE = 'never heard of';"
    with trigger(body), pytest.raises(Error, match="never heard of"):
        store(casino_a, decoded_messages(USERS, user(), b"{"))
    assert offsets(casino_a) == {}


def test_slow_statement_makes_the_database_unavailable(casino_a, settings):
    settings.INGESTION_STATEMENT_SECONDS = 0.1
    with trigger("PERFORM pg_sleep(30);"), pytest.raises(DatabaseUnavailable, match="statement timeout"):
        store(casino_a, users(0, 1))


def test_session_terminated_at_each_attempt_makes_the_database_unavailable(casino_a):
    with trigger("PERFORM pg_terminate_backend(pg_backend_pid());"), pytest.raises(DatabaseUnavailable):
        store(casino_a, users(0, 1))


def test_casino_with_an_old_schema_is_unavailable(casino_a):
    Casino.objects.filter(pk=1).update(schema_version="")
    with pytest.raises(
        DatabaseUnavailable, match=r"Alpha \(casino 1\) lacks migrations of the code; run `manage.py migrate_casinos`"
    ):
        store(Casino.objects.get(pk=1), users(0, 1))
