import json
import threading
from contextlib import closing
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from tenants.databases.locks import CasinoLocks, busy_casinos, casino_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.create import create_casino, store_casinos
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.suspend import suspend_casino
from tenants.models import Casino, CasinoMigration, DatabaseServer, MigrationOutcome, MigrationRun
from tenants.routing.context import use_casino
from tenants.schema import fleet
from tenants.schema.version import code_version, is_behind
from tenants.tests.casino_rows import User, make_user
from tenants.tests.casinos import wait_until_free
from tenants.tests.kill_at_statement import run_and_kill
from tenants.tests.releases import NICKNAME, WIDER

pytestmark = pytest.mark.usefixtures("own_template")

BEING_UPGRADED = (503, "Casino is being upgraded")
SCHEMA = {"user_id": {"type": "int", "source_field": "user_id"}}


@pytest.fixture
def new_release(real_databases, settings):
    """A function to call after creating the casinos: all are then behind."""

    def come():
        settings.MIGRATION_MODULES = WIDER

    return come


@pytest.fixture
def four(real_databases):
    return store_casinos(["Gamma", "Delta", "Epsilon", "Zeta"])


def _break(*casinos):
    """Let the new release's migration fail for these casinos."""
    for casino in casinos:
        with use_casino(casino.current):
            make_user("Child", birth_year=2012)


def _repair(*casinos):
    for casino in casinos:
        with use_casino(casino.current):
            User.objects.filter(name="Child").delete()


def _last_run():
    run = fleet.last_run()
    assert run is not None
    return run


def _migrate(casinos=None, **options):
    """The ids of the casinos that a new run worked on, each with its error."""
    casinos = Casino.objects.ready() if casinos is None else casinos
    failures = fleet.prepare_servers()
    run = fleet.begin_run(casinos)
    assert run is not None
    return {done.task: done.error for done in fleet.migrate_all(run, fleet.pending_in(run), failures, **options)}


def _resume(run, **options):
    return {done.task: done.error for done in fleet.migrate_all(run, fleet.pending_in(run), **options)}


def _outcomes(run):
    return dict(run.casinos.order_by("casino_id").values_list("casino__name", "outcome"))


def _behind():
    return {casino.name for casino in Casino.objects.ready() if is_behind(casino.schema_version)}


def _answer(casino):
    response = Client(headers={"Casino-ID": str(casino.pk)}).get("/config")
    return response.status_code, response.json().get("error")


def _migrate_casinos(*arguments):
    """The command's JSON, and its error message."""
    out, message = StringIO(), ""
    try:
        call_command("migrate_casinos", "--json", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        message = str(error)
    return json.loads(out.getvalue()), message


@pytest.mark.exhaustive
def test_of_50_casinos_3_fail_with_503_and_47_are_served(new_release):
    casinos = store_casinos([f"Casino {number}" for number in range(50)])
    Casino.objects.update(recommender_type="inference", recommendation_schema=SCHEMA)
    broken = casinos[7:40:15]
    _break(*broken)
    new_release()
    assert {_answer(casino) for casino in casinos} == {BEING_UPGRADED}

    report, message = _migrate_casinos("--jobs", "2")
    assert [casino["id"] for casino in report["casinos"] if casino["outcome"] == "migrated"] == [
        casino.pk for casino in casinos if casino not in broken
    ]
    assert f"3 of 50 casinos failed: {', '.join(str(casino.pk) for casino in broken)}" in message
    assert {casino.name for casino in casinos if _answer(casino) == BEING_UPGRADED} == {each.name for each in broken}
    assert {_answer(casino) for casino in casinos if casino not in broken} == {(200, None)}

    _repair(*broken)
    report, message = _migrate_casinos("--only-failed")
    assert [casino["id"] for casino in report["casinos"]] == [casino.pk for casino in broken]
    assert message == ""
    assert {_answer(casino) for casino in casinos} == {(200, None)}


@pytest.mark.covered
def test_run_records_each_casinos_migrations_or_error_and_duration(four, new_release):
    _break(four[1])
    new_release()
    _migrate()
    run = _last_run()
    assert (run.target, run.up_to_date, run.finished_at is not None) == (code_version(), 0, True)
    gamma, delta = run.casinos.order_by("casino_id")[:2]
    assert (gamma.outcome, gamma.applied, gamma.error) == (MigrationOutcome.MIGRATED, [NICKNAME], "")
    assert (delta.outcome, delta.applied) == (MigrationOutcome.FAILED, [])
    assert delta.error.splitlines()[0].startswith("IntegrityError: check constraint")
    assert all(0 < (casino.seconds or 0) < 600 for casino in (gamma, delta))


@pytest.mark.covered
def test_casinos_behind_are_found_by_queries_of_the_catalogue_only(four, new_release, django_assert_max_num_queries):
    new_release()
    Casino.objects.filter(pk=four[0].pk).update(schema_version=code_version())
    with django_assert_max_num_queries(5):
        names = set(fleet.behind(Casino.objects.ready()).values_list("name", flat=True))
    assert names == {"Delta", "Epsilon", "Zeta"}


@pytest.mark.covered
def test_no_run_is_started_if_all_are_up_to_date(four):
    assert fleet.begin_run(Casino.objects.ready()) is None
    assert not MigrationRun.objects.exists()


@pytest.mark.covered
def test_suspended_casinos_are_migrated_too_and_deleted_ones_are_not(four, new_release):
    suspend_casino(four[0])
    delete_casino(four[1], backup=False)
    new_release()
    assert set(_migrate()) == {four[0].pk, four[2].pk, four[3].pk}
    assert _behind() == set()


@pytest.mark.exhaustive
def test_templates_are_migrated_first_so_that_new_casinos_are_not_behind(four, new_release):
    new_release()
    assert fleet.prepare_servers() == []
    assert not is_behind(create_casino("Eta").schema_version)
    with server_cursor() as cursor:
        cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname ~ 'template$'")
        assert f"2:{code_version()}" in [comment for (comment,) in cursor.fetchall()]


def test_failing_canary_prevents_all_others(four, new_release):
    _break(four[0])
    new_release()
    assert list(_migrate(canary=2)) == [four[0].pk, four[1].pk]
    run = fleet.unfinished_run()
    assert _outcomes(run) == {"Gamma": "failed", "Delta": "migrated", "Epsilon": "pending", "Zeta": "pending"}


@pytest.mark.covered
def test_successful_canary_is_followed_by_all_others(four, new_release):
    _break(four[3])
    new_release()
    assert [bool(error) for error in _migrate(canary=2).values()] == [False, False, False, True]


@pytest.mark.exhaustive
def test_fail_fast_starts_no_more_and_a_resumed_run_migrates_the_pending_ones_only(four, new_release):
    _break(four[1])
    new_release()
    assert list(_migrate(fail_fast=True)) == [four[0].pk, four[1].pk]
    run = fleet.unfinished_run()
    assert set(_resume(run)) == {four[2].pk, four[3].pk}
    assert _outcomes(run) == {"Gamma": "migrated", "Delta": "failed", "Epsilon": "migrated", "Zeta": "migrated"}
    assert fleet.unfinished_run() is None
    assert [casino.name for casino in fleet.failed_in(_last_run())] == ["Delta"]


@pytest.mark.parametrize(
    "statement", [25, *(pytest.param(each, marks=pytest.mark.exhaustive) for each in (12, 40, 60))]
)
def test_run_that_was_killed_is_finished_by_resuming_it(four, new_release, statement):
    new_release()
    fleet.prepare_servers()
    run = fleet.begin_run(Casino.objects.ready())
    connections.close_all()
    assert run_and_kill(lambda: _resume(run), before_statement=statement)
    assert fleet.unfinished_run() == run
    assert _behind() == {name for name, outcome in _outcomes(run).items() if outcome == "pending"}
    assert not any(_resume(run).values())
    assert set(_outcomes(run).values()) == {"migrated"}
    assert (fleet.unfinished_run(), _behind()) == (None, set())


@pytest.mark.exhaustive
def test_two_concurrent_runs_migrate_each_casino_once(four, new_release):
    new_release()
    fleet.prepare_servers()
    runs = [fleet.begin_run(Casino.objects.ready()) for _ in range(2)]
    errors = {}

    def migrate(number):
        errors[number] = _resume(runs[number])
        connections.close_all()

    threads = [threading.Thread(target=migrate, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [set(errors[number].values()) for number in range(2)] == [{""}, {""}]
    applied = CasinoMigration.objects.order_by("casino_id").values_list("casino__name", "applied")
    assert sorted(name for name, names in applied if names) == ["Delta", "Epsilon", "Gamma", "Zeta"]
    assert _behind() == set()


def test_busy_casino_fails_alone_and_says_what_to_do(four, new_release, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    new_release()
    with casino_lock(four[0].pk):
        errors = _migrate()
    assert errors.pop(four[0].pk).startswith(f"CasinoBusy: Another process has been working on casino {four[0].pk}")
    assert set(errors.values()) == {""}


@pytest.mark.covered
def test_locks_taken_in_turn_on_one_connection_are_released(four):
    wait_until_free(*four)
    with closing(CasinoLocks()) as locks:
        with locks.hold(four[0].pk):
            assert busy_casinos(casino.pk for casino in four) == {four[0].pk}
        with locks.hold(four[1].pk):
            assert busy_casinos(casino.pk for casino in four) == {four[1].pk}
        assert busy_casinos(casino.pk for casino in four) == set()
        with pytest.raises(ZeroDivisionError), locks.hold(four[2].pk):
            raise ZeroDivisionError
        wait_until_free(*four)
        with locks.hold(four[3].pk):
            assert busy_casinos(casino.pk for casino in four) == {four[3].pk}


@pytest.mark.exhaustive
def test_casino_with_a_missing_database_fails_alone(four, new_release):
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(four[2].db_name)}")
    new_release()
    errors = _migrate()
    assert "does not exist" in errors.pop(four[2].pk)
    assert set(errors.values()) == {""}


def test_casino_deleted_during_the_run_is_skipped_and_the_run_is_finished(four, new_release):
    new_release()
    fleet.prepare_servers()
    run = fleet.begin_run(Casino.objects.ready())
    delete_casino(four[0], backup=False)
    assert set(_resume(run)) == {casino.pk for casino in four[1:]}
    assert fleet.unfinished_run() is None


@pytest.mark.exhaustive
def test_unavailable_server_fails_only_its_casinos_and_at_once(four, second_server, new_release, settings):
    far = create_casino("Far", server="east")
    new_release()
    here = settings.DATABASE_SERVERS["east"]["requests"]
    unreachable = {**here, "HOST": "127.0.0.1", "PORT": "1"}
    settings.DATABASE_SERVERS = {"east": {"requests": unreachable, "direct": unreachable}}
    [failure] = fleet.prepare_servers()
    assert (failure.server, failure.is_reachable) == ("east", False)
    errors = _migrate()
    assert errors.pop(far.pk).startswith("OperationalError: ")
    assert set(errors.values()) == {""}
    settings.DATABASE_SERVERS = {"east": {"requests": here, "direct": here}}
    assert _migrate(fleet.failed_in(_last_run())) == {far.pk: ""}


@pytest.mark.exhaustive
def test_server_without_an_address_is_a_template_failure(four, new_release):
    DatabaseServer.objects.create(name="west")
    new_release()
    [failure] = fleet.prepare_servers()
    assert failure.error.startswith("UnknownServer: The database server 'west' has no address")
    assert set(_migrate().values()) == {""}


def test_failed_template_does_not_prevent_the_casinos_migration(four, new_release, caplog):
    fleet.prepare_servers()
    with server_cursor() as cursor:
        cursor.execute("ALTER DATABASE test_casino_template ALLOW_CONNECTIONS true")
    with server_cursor("test_casino_template") as cursor:
        cursor.execute("DROP TABLE users")
    new_release()
    [failure] = fleet.prepare_servers()
    assert (failure.server, failure.is_reachable) == ("main", True)
    assert "Traceback" in caplog.text
    assert set(_migrate().values()) == {""}
