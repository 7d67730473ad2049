"""A table of the catalogue is locked: a statement that would only wait is refused before it is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connections

from tenants.errors import CasinoOutage
from tenants.models import Casino
from tenants.postgresql.stalls import stalls
from tenants.postgresql.wait_budget import request_budget, waiting_within

pytestmark = pytest.mark.slow
CATALOGUE = "default"
REFUSED = "default is slow: 4 statements wait for it already"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def admin(real_databases: None) -> Iterator[psycopg.Connection]:
    """Another session, without a budget."""
    wrapper = connections[CATALOGUE]
    with psycopg.connect(**wrapper.get_connection_params()) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def _casinos_locked(admin) -> Iterator[None]:
    with admin.transaction():
        admin.execute("LOCK TABLE casinos IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def four_stalled(settings) -> Iterator[None]:
    settings.WEB_THREADS = 8
    for _ in range(4):
        stalls.begin(CATALOGUE)
    try:
        yield
    finally:
        for _ in range(4):
            stalls.end(CATALOGUE)


@pytest.mark.usefixtures("_casinos_locked")
def test_statement_is_refused_before_it_is_sent(admin, settings):
    connections[CATALOGUE].ensure_connection()
    with (
        four_stalled(settings),
        waiting_within(request_budget()),
        pytest.raises(CasinoOutage, match=REFUSED),
    ):
        Casino.objects.count()
    assert admin.execute(WAITING).fetchone() == (0,)
    connections[CATALOGUE].close()


@pytest.mark.usefixtures("_casinos_locked")
def test_no_session_is_opened_to_wait_as_well(admin, settings):
    connections[CATALOGUE].close()
    with four_stalled(settings), waiting_within(request_budget()):
        for _ in range(3):
            with pytest.raises(CasinoOutage, match=REFUSED):
                Casino.objects.count()
    assert admin.execute(WAITING).fetchone() == (0,)
    assert connections[CATALOGUE].connection is None


def test_open_transaction_goes_on_since_others_may_wait_for_it(real_databases, settings):
    with waiting_within(request_budget()):
        connections[CATALOGUE].ensure_connection()
        connections[CATALOGUE].set_autocommit(False)
        try:
            assert Casino.objects.count() == 0
            with four_stalled(settings):
                assert Casino.objects.count() == 0
                connections[CATALOGUE].commit()
        finally:
            connections[CATALOGUE].set_autocommit(True)


def test_commands_are_not_refused(real_databases, settings):
    with four_stalled(settings):
        assert Casino.objects.count() == 0
