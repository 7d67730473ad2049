"""Statements that a connection plans once."""

import pytest
from django.conf import settings
from django.db import DataError, NotSupportedError, ProgrammingError
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from tenants.databases.servers import server_cursor
from tenants.errors import NoAnswer
from tenants.lifecycle.create import create_casino
from tenants.postgresql.stalls import stalls
from tenants.postgresql.wait_budget import ServerTimeouts, WaitBudget, waiting_within
from tenants.routing.connections import casino_atomic, casino_connection
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import make_user
from tenants.tests.memory import least_allocated

SQL = "SELECT name FROM users WHERE name = %(name)s"


@pytest.fixture
def gamma(real_databases):
    return create_casino("Gamma")


def _query(name="Ada"):
    return casino_connection().query_prepared(SQL, {"name": name})


def _prepared():
    with casino_connection().cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE statement LIKE %s", ["SELECT name%"])
        return [statement for (statement,) in cursor.fetchall()]


def test_statement_is_prepared_once_for_all_parameters(gamma):
    with use_casino(gamma.current):
        make_user("Ada")
        make_user("Grace")
        assert [_query(name) for name in ("Ada", "Grace", "Edsger", "Ada")] == [
            [("Ada",)],
            [("Grace",)],
            [],
            [("Ada",)],
        ]
        assert len(_prepared()) == 1


def test_a_connection_keeps_its_cursor_without_the_result(gamma):
    with use_casino(gamma.current):
        make_user("Ada")
        cursors = []
        for _ in range(3):
            assert _query() == [("Ada",)]
            cursors.append(casino_connection().connection.cached_cursor)
            assert cursors[-1].pgresult.ntuples == 0  # that of the first execution, which prepared it
            assert cursors[-1]._query is None
    frequent = cursors[0]._frequent[SQL]
    assert (frequent.params, frequent._tx.pgresult.ntuples) == (None, 0)
    assert cursors[0] is cursors[1] is cursors[2]


def test_errors_are_djangos(gamma):
    with use_casino(gamma.current), pytest.raises(ProgrammingError):
        casino_connection().query_prepared("SELECT nothing", {})
    with use_casino(gamma.current):
        division = "SELECT 1 / %(by)s"
        assert [casino_connection().query_prepared(division, {"by": 1}) for _ in range(2)] == [[(1,)]] * 2
        with pytest.raises(DataError):
            casino_connection().query_prepared(division, {"by": 0})
        assert casino_connection().query_prepared(division, {"by": 1}) == [(1,)]


def test_a_statement_of_other_types_of_parameters_is_prepared_again(gamma):
    with use_casino(gamma.current):
        make_user("Ada")
        sql = "SELECT name FROM users WHERE id < %(id)s"
        for number in (0, 2**15, 2**40, None, 2**15, 0) * 2:
            found = casino_connection().query_prepared(sql, {"id": number})
            with casino_connection().cursor() as cursor:
                cursor.execute(sql, {"id": number})
                assert found == cursor.fetchall()


def test_a_broken_transaction_is_refused(gamma):
    with use_casino(gamma.current), casino_atomic():
        casino_connection().set_rollback(True)
        with pytest.raises(TransactionManagementError):
            _query()


def test_ordinary_cursors_prepare_no_statements(gamma):
    with use_casino(gamma.current), casino_connection().cursor() as cursor:
        for _ in range(10):
            cursor.execute(SQL, {"name": "Ada"})
        assert _prepared() == []


def test_a_connection_keeps_no_values_of_ordinary_statements(gamma):
    with use_casino(gamma.current), casino_connection().cursor() as cursor:

        def execute_many(run):
            for number in range(10):
                cursor.execute(SQL, {"name": f"{run}{number}" * 50_000})

        assert least_allocated(execute_many) < 300_000  # the cursor itself keeps its last statement


def test_prepared_statements_are_counted_and_wrapped_as_queries_are(gamma):
    with use_casino(gamma.current), CaptureQueriesContext(casino_connection()) as queries:
        _query()
    assert len(queries) == 1
    wrapped = []

    def wrapper(execute, sql, *others):
        wrapped.append(sql)
        return execute(sql, *others)

    with use_casino(gamma.current), casino_connection().execute_wrapper(wrapper):
        _query()
    assert wrapped == [SQL]


def _change_type(casino):
    with server_cursor(casino.db_name) as cursor:
        cursor.execute("ALTER TABLE users ALTER COLUMN name TYPE text")


def test_prepared_statement_survives_a_migration_that_changes_a_type(gamma):
    with use_casino(gamma.current):
        make_user("Ada")
        _query()
        _change_type(gamma)
        assert _query() == [("Ada",)]
        assert len(_prepared()) == 1


def test_within_a_transaction_a_changed_type_is_an_error_once(gamma):
    with use_casino(gamma.current):
        make_user("Ada")
        _query()
        _change_type(gamma)
        with pytest.raises(NotSupportedError), casino_atomic():
            _query()
        with casino_atomic():
            assert _query() == [("Ada",)]


@pytest.mark.parametrize("are_many_stalled", [True, False])
def test_a_refused_statement_is_not_sent(gamma, are_many_stalled):
    """It is not sent the first time, nor once it is prepared."""
    sql = "SELECT pg_sleep(%(seconds)s)::text"
    with use_casino(gamma.current):
        pid = casino_connection().query_prepared("SELECT pg_backend_pid()", {})[0][0]
        casino_connection().query_prepared(sql, {"seconds": 0})
        for _ in range(settings.API_REQUESTS_STALLED if are_many_stalled else 0):
            stalls.begin(casino_connection().alias)
        budget = WaitBudget(ServerTimeouts(0, 0), 60.0 if are_many_stalled else 0.0)
        with waiting_within(budget), pytest.raises(NoAnswer):
            casino_connection().query_prepared(sql, {"seconds": 5})
        with server_cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active'", [pid])
            assert cursor.fetchone() == (0,)
