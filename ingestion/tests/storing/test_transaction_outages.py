"""One casino's messages into a database that is away, or in which others are at work. Rows are really committed."""

import pytest
from django.db import Error

from ingestion.errors import DatabaseUnavailable
from ingestion.storing.transaction import ATTEMPTS
from ingestion.tests.decoded_messages import readings_of
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from tenants.models import Casino

from .test_ledger import marks, store, users
from .test_transaction import ids, meddled, trigger

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_conflict_is_tried_again(casino_a, sqlstate):
    with trigger(f"IF nextval('meddled') <= 3 THEN RAISE SQLSTATE '{sqlstate}'; END IF;"):
        assert store(casino_a, users(0, 2)) == ["stored"] * 2
        assert meddled() == 3 + 2


def test_conflict_that_does_not_end_makes_the_casino_away(casino_a):
    with trigger("PERFORM nextval('meddled'); RAISE SQLSTATE '40001';"):
        with pytest.raises(DatabaseUnavailable):
            store(casino_a, users(0, 1))
        assert meddled() == ATTEMPTS
    assert (ids(casino_a), marks(casino_a)) == (set(), {})


def test_outage_is_tried_once_more(casino_a):
    with trigger("IF nextval('meddled') = 1 THEN RAISE SQLSTATE '57P01'; END IF;"):
        assert store(casino_a, users(0, 1)) == ["stored"]
        assert meddled() == 2


def test_outage_that_stays_makes_the_casino_away_and_nothing_a_dead_letter(casino_a):
    with trigger("PERFORM nextval('meddled'); RAISE SQLSTATE '53100' USING MESSAGE = E'disk full\nreally';"):
        with pytest.raises(DatabaseUnavailable, match=r"^disk full$"):
            store(casino_a, readings_of(USERS, user(), b"{"))
        assert meddled() == 2


def test_outage_while_the_culprit_is_looked_for_makes_the_casino_away(casino_a):
    body = "IF nextval('meddled') > 4 THEN RAISE SQLSTATE '57P01'; END IF; RAISE SQLSTATE '22003';"
    with trigger(body), pytest.raises(DatabaseUnavailable):
        store(casino_a, users(0, 8))
    assert (ids(casino_a), marks(casino_a)) == (set(), {})


def test_what_is_not_known_is_raised_and_nothing_stored(casino_a):
    body = "RAISE SQLSTATE '2D000' USING MESSAGE = 'never heard of';"
    with trigger(body), pytest.raises(Error, match="never heard of"):
        store(casino_a, readings_of(USERS, user(), b"{"))
    assert marks(casino_a) == {}


def test_slow_statement_makes_the_casino_away(casino_a, settings):
    settings.INGESTION_STATEMENT_SECONDS = 0.1
    with trigger("PERFORM pg_sleep(30);"), pytest.raises(DatabaseUnavailable, match="statement timeout"):
        store(casino_a, users(0, 1))


def test_session_that_is_ended_at_each_attempt_makes_the_casino_away(casino_a):
    with trigger("PERFORM pg_terminate_backend(pg_backend_pid());"), pytest.raises(DatabaseUnavailable):
        store(casino_a, users(0, 1))


def test_casino_that_is_behind_the_code_is_away(casino_a):
    Casino.objects.filter(pk=1).update(schema_version="")
    with pytest.raises(
        DatabaseUnavailable, match=r"Alpha \(casino 1\) lacks migrations of the code; run `manage.py migrate_casinos`"
    ):
        store(Casino.objects.get(pk=1), users(0, 1))
