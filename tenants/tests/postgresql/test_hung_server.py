"""A server that hangs: its processes are stopped, and its kernel still takes connections and acknowledges packets."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connections

from tenants.current_casino import CurrentCasino
from tenants.errors import NoAnswer
from tenants.lifecycle.create import create_casino
from tenants.models import Casino
from tenants.postgresql.pool import POOL, is_alive
from tenants.postgresql.stalls import stalls
from tenants.postgresql.wait_budget import WaitBudget, consumer_budget, request_budget, waiting_within
from tenants.routing.connections import casino_atomic, casino_connection, connection_metrics, query
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user
from tenants.tests.connection_users import in_thread
from tenants.tests.frozen_server import frozen
from tenants.tests.waiting import PATIENCE_SECONDS, require_quick, wait_until

pytestmark = pytest.mark.usefixtures("real_databases", "empty_pool")

SECOND_DIR = django_settings.LOCAL_DIR / "postgres-second"
FAR_TOO_LONG = 60.0  # seconds; without a deadline nothing would end


@pytest.fixture
def distant(second_server: object) -> Iterator[CurrentCasino]:
    """A casino on the second server, with an open connection."""
    casino = create_casino("Distant", server="east").current
    count_users(casino)
    yield casino
    POOL.close_idle(casino.alias)


@pytest.fixture
def second(distant: CurrentCasino) -> Iterator[ExitStack]:
    """The second server: `second.enter_context(frozen(SECOND_DIR))` freezes it, `second.close()` resumes it."""
    with ExitStack() as server:
        yield server


@contextmanager
def quickly() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < FAR_TOO_LONG


def count_users(casino: CurrentCasino) -> int:
    with use_casino(casino):
        return int(User.objects.count())


def test_statement_on_a_warm_connection_ends(distant):
    message = f"{distant.alias} on the database server east: .* connection is closed"
    with frozen(SECOND_DIR), quickly(), waiting_within(request_budget(3)), pytest.raises(NoAnswer, match=message):
        count_users(distant)
    assert connection_metrics().open == 0


@pytest.mark.covered
def test_new_connection_ends(distant):
    POOL.close_idle(distant.alias)
    with frozen(SECOND_DIR), quickly(), waiting_within(request_budget(2)), pytest.raises(NoAnswer):
        count_users(distant)
    assert connection_metrics().open == 0


@pytest.mark.exhaustive
def test_commit_ends_and_the_thread_can_go_on(distant, gamma, second):
    def store_while_it_freezes() -> None:
        with use_casino(distant), casino_atomic():
            make_user("Ada")
            second.enter_context(frozen(SECOND_DIR))

    with quickly(), waiting_within(request_budget(3)), pytest.raises(NoAnswer):
        store_while_it_freezes()
    with waiting_within(request_budget()), use_casino(gamma), casino_atomic():
        make_user("Grace")
    assert connection_metrics().in_use == 0
    second.close()
    wait_until(lambda: not stalls.silent_servers())
    with use_casino(distant), casino_atomic():
        make_user("Ada")


@pytest.mark.exhaustive
def test_rollback_ends(distant, second):
    def fail_while_it_freezes() -> None:
        with use_casino(distant), casino_atomic():
            make_user("Ada")
            second.enter_context(frozen(SECOND_DIR))
            raise KeyError

    # after a failed rollback Django connects again, whose error hides the block's
    with quickly(), waiting_within(request_budget(2)), pytest.raises(NoAnswer):
        fail_while_it_freezes()
    assert connection_metrics().open == 0
    second.close()
    wait_until(lambda: not stalls.silent_servers())
    assert count_users(distant) == 0


@pytest.mark.exhaustive
def test_transaction_that_a_thread_left_open_is_rolled_back_within_seconds(distant, second):
    def leave_open() -> None:
        with use_casino(distant):
            casino_atomic().__enter__()
            make_user("Ada")
        second.enter_context(frozen(SECOND_DIR))

    with quickly():
        in_thread(leave_open)
    assert connection_metrics().open == 0


@pytest.mark.covered
def test_idle_connection_is_found_dead_within_seconds(distant):
    with use_casino(distant):
        query("SELECT 1")
        connection = casino_connection().connection
        with frozen(SECOND_DIR), quickly():
            assert not is_alive(connection, idle_seconds=1_000)


@pytest.mark.covered
def test_requests_of_its_other_casinos_are_refused_at_once_and_others_are_not(distant, gamma):
    other = create_casino("Far", server="east").current
    with frozen(SECOND_DIR):
        with waiting_within(request_budget()), pytest.raises(NoAnswer):
            count_users(distant)
        assert stalls.silent_servers() == ["east"]

        def ask_all() -> None:
            for casino in (other, distant, other):
                with (
                    waiting_within(request_budget()),
                    use_casino(casino),
                    pytest.raises(NoAnswer, match="has not answered"),
                ):
                    User.objects.count()
            with waiting_within(request_budget()), use_casino(gamma):
                assert User.objects.count() == 0

        require_quick(ask_all, 2)
    wait_until(lambda: not stalls.silent_servers(), else_say="nobody noticed that the server answers again")
    with waiting_within(request_budget()):
        assert count_users(other) == 0


def test_catalogue_that_hangs_ends_a_request_too(real_databases):
    assert django_settings.EMBEDDED_POSTGRES_DIR is not None
    Casino.objects.count()
    with waiting_within(request_budget(3)), frozen(django_settings.EMBEDDED_POSTGRES_DIR), quickly():
        with pytest.raises(NoAnswer):
            Casino.objects.count()
        with pytest.raises(OperationalError):
            Casino.objects.count()
    connections["default"].close()
    wait_until(lambda: not stalls.silent_servers())
    assert Casino.objects.count() == 0


@pytest.mark.exhaustive
def test_consumer_that_must_end_does_not_wait_on(distant):
    stop = threading.Event()
    with use_casino(distant), waiting_within(consumer_budget(stop)), casino_connection().cursor() as cursor:
        threading.Timer(1.5, stop.set).start()
        with quickly(), pytest.raises(NoAnswer):
            cursor.execute("SELECT pg_sleep(29)")


@pytest.mark.exhaustive
def test_slow_statement_goes_on_while_its_server_answers_others(distant):
    with waiting_within(request_budget(PATIENCE_SECONDS)), use_casino(distant):
        assert query("SELECT 1 FROM pg_sleep(2)") == [(1,)]
    assert not stalls.silent_servers()


def test_large_statement_is_sent_to_its_end_after_a_stall(gamma):
    with waiting_within(request_budget(PATIENCE_SECONDS)), use_casino(gamma):
        [(session_id,)] = query("SELECT pg_backend_pid()")
        session = psutil.Process(session_id)
        session.suspend()
        threading.Timer(1.5, session.resume).start()
        assert query("SELECT length(%s)", ["x" * 4_000_000]) == [(4_000_000,)]


@pytest.mark.covered
def test_waits_of_a_request_are_counted_together(distant):
    budget, began = request_budget(PATIENCE_SECONDS), time.monotonic()
    with waiting_within(budget), use_casino(distant):
        query("SELECT pg_sleep(0.5)")
        time.sleep(0.6)  # not waiting for a database
        query("SELECT pg_sleep(0.5)")
        assert 1 <= PATIENCE_SECONDS - budget.left <= time.monotonic() - began - 0.6

    def wait_twice() -> None:
        query("SELECT pg_sleep(1)")
        query("SELECT pg_sleep(2.4)")

    with waiting_within(request_budget(2.5)), use_casino(distant), pytest.raises(NoAnswer):
        wait_twice()


@pytest.mark.exhaustive
def test_server_ends_a_requests_statement_before_the_client_does(distant, settings):
    settings.REQUEST_DATABASE_SECONDS = 2
    with (
        waiting_within(request_budget()),
        use_casino(distant),
        pytest.raises(OperationalError, match="statement timeout"),
    ):
        query("SELECT pg_sleep(3)")
    assert connection_metrics().idle == 1


@pytest.mark.exhaustive
def test_session_keeps_no_request_timeouts_for_a_command(distant):
    def timeouts() -> list[tuple[str, str]]:
        with use_casino(distant):
            return query("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")

    with waiting_within(request_budget()):
        assert timeouts() == [("4500ms", "4s")]
    assert timeouts() == [("0", "0")]
    assert connection_metrics().opened >= 1
    assert connection_metrics().open == 1


@pytest.mark.covered
def test_without_a_budget_statements_may_take_any_time(distant, settings):
    settings.REQUEST_DATABASE_SECONDS = 0.2
    with use_casino(distant):
        assert query("SELECT 1 FROM pg_sleep(1.3)") == [(1,)]
    assert WaitBudget(request_budget().server_timeouts).seconds(waited=1_000) == float("inf")
