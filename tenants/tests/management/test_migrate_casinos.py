import json
import signal
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, ManagementUtility, call_command

from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino, CasinoState, DatabaseServer, MigrationRun, SchemaVersion
from tenants.routing.context import use_casino
from tenants.schema.version import code_version
from tenants.tests.casino_rows import User, make_user
from tenants.tests.releases import NICKNAME, WIDER

pytestmark = pytest.mark.usefixtures("own_template")


@pytest.fixture
def gamma_and_delta(real_databases):
    """Failed is no casino to be migrated."""
    casinos = store_casinos(["Gamma", "Delta"])
    Casino.objects.create(name="Failed", state=CasinoState.FAILED)
    return casinos


@pytest.fixture
def gamma(gamma_and_delta):
    return gamma_and_delta[0]


@pytest.fixture
def delta(gamma_and_delta):
    return gamma_and_delta[1]


@pytest.fixture
def new_release(gamma_and_delta, settings):
    settings.MIGRATION_MODULES = WIDER


@pytest.fixture
def broken_gamma(gamma, settings):
    """The new release's migration fails for Gamma."""
    with use_casino(gamma.current):
        make_user("Child", birth_year=2012)
    settings.MIGRATION_MODULES = WIDER


def _run(*arguments):
    """stdout, stderr, and the error message."""
    out, err, message = StringIO(), StringIO(), ""
    try:
        call_command("migrate_casinos", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        message = str(error)
    return out.getvalue(), err.getvalue(), message


def _versions():
    return set(Casino.objects.ready().values_list("schema_version", flat=True))


def test_without_casinos_it_succeeds(real_databases):
    assert _run() == ("0 casinos up to date.\n", "", "")


@pytest.mark.covered
def test_casinos_that_are_up_to_date_are_skipped(gamma_and_delta):
    assert _run() == ("2 casinos up to date.\n", "", "")
    assert not MigrationRun.objects.exists()


@pytest.mark.covered
def test_every_casino_that_is_behind_is_migrated_and_summarised(new_release):
    out, err, message = _run()
    assert out.startswith("2 migrated, 0 failed, 0 pending; 0 were up to date. ")
    assert "s a casino, at most " in out
    assert (err, message) == ("", "")
    assert _versions() == {code_version()}
    assert _run()[0] == "2 casinos up to date.\n"


@pytest.mark.covered
def test_only_named_casinos_are_migrated(new_release, gamma, delta):
    assert _run("--casino", str(delta.pk))[0].startswith("1 migrated")
    gamma.refresh_from_db()
    assert gamma.schema_version != code_version()
    assert _run("--casino", str(gamma.pk), "--casino", str(delta.pk))[0].startswith(
        "1 migrated, 0 failed, 0 pending; 1 "
    )


def test_casino_that_is_unknown_or_has_no_database_is_refused_and_none_is_migrated(new_release, gamma):
    failed = Casino.objects.get(name="Failed")
    error = rf"No casino with a complete database has the id {failed.pk}, 999999; see `manage.py casino list`"
    with pytest.raises(CommandError, match=error):
        call_command("migrate_casinos", "--casino", "999999", f"--casino={gamma.pk}", f"--casino={failed.pk}")
    assert code_version() not in _versions()


@pytest.mark.covered
def test_failure_is_reported_with_its_casino_and_exits_with_status_1(broken_gamma, gamma, capsys):
    with pytest.raises(SystemExit) as end:
        ManagementUtility(["manage.py", "migrate_casinos"]).execute()
    assert end.value.code == 1
    written = capsys.readouterr()
    assert written.out.startswith("1 migrated, 1 failed, 0 pending;")
    assert f"Gamma (casino {gamma.pk}): IntegrityError: check constraint" in written.err
    assert (
        f"1 of 2 casinos failed: {gamma.pk}; retry them with `manage.py migrate_casinos --only-failed`" in written.err
    )


def test_only_failed_retries_the_failures_of_the_last_run(broken_gamma, gamma):
    _run()
    assert "1 of 1 casino failed" in _run("--only-failed")[2]
    with use_casino(gamma.current):
        User.objects.all().delete()
    assert _run("--only-failed")[0].startswith("1 migrated, 0 failed")
    assert _run("--only-failed")[0] == "0 casinos up to date.\n"


def test_fail_fast_leaves_the_rest_to_resume(broken_gamma):
    out, _, message = _run("--fail-fast")
    assert out.startswith("0 migrated, 1 failed, 1 pending;")
    assert message.endswith("1 casino pending; continue with `manage.py migrate_casinos --resume`.")
    assert _run("--resume")[0].startswith("1 migrated, 1 failed, 0 pending;")
    assert "No run is unfinished" in _run("--resume")[2]


@pytest.mark.covered
def test_failing_canary_leaves_the_rest_pending(broken_gamma):
    assert _run("--canary", "1")[0].startswith("0 migrated, 1 failed, 1 pending;")


def test_dry_run_lists_missing_migrations_and_changes_nothing(new_release, gamma, delta):
    SchemaVersion.objects.all().delete()
    Casino.objects.filter(pk=gamma.pk).update(schema_version="")
    [version] = _versions() - {""}
    SchemaVersion.objects.create(fingerprint=version, migrations=["recommendations.0001_initial"])
    first, second, total = _run("--dry-run")[0].splitlines()
    assert first == f"Gamma (casino {gamma.pk}): its schema version is unknown"
    assert second.startswith(f"Delta (casino {delta.pk}): lacks ingestion.0001_ledger_and_counts, ")
    assert ", recommendations.0002_" in second
    assert "recommendations.0001_initial" not in second
    assert second.endswith(NICKNAME)
    assert total == "2 casinos behind, 0 up to date. Nothing was changed."
    assert not MigrationRun.objects.exists()
    assert code_version() not in _versions()
    document = json.loads(_run("--dry-run", "--json", "--casino", str(gamma.pk))[0])
    assert document == {"up_to_date": 0, "behind": [{"id": gamma.pk, "name": "Gamma", "lacks": None}]}


@pytest.mark.covered
def test_json_is_one_document_on_stdout(broken_gamma, gamma, delta):
    out, _, message = _run("--json")
    document = json.loads(out)
    assert message
    assert [document["run"]] == [run.pk for run in MigrationRun.objects.all()]
    assert (document["target"], document["up_to_date"], document["servers"]) == (code_version(), 0, [])
    gamma_result, delta_result = document["casinos"]
    assert (gamma_result["id"], gamma_result["name"], gamma_result["outcome"]) == (gamma.pk, "Gamma", "failed")
    assert gamma_result["error"].startswith("IntegrityError: ")
    assert (delta_result["id"], delta_result["outcome"], delta_result["applied"]) == (delta.pk, "migrated", [NICKNAME])
    assert delta_result["seconds"] > 0


def test_unusable_server_is_reported_and_ends_with_an_error(new_release):
    DatabaseServer.objects.create(name="west")
    out, _, message = _run()
    assert out.startswith("2 migrated, 0 failed")
    assert message.startswith("Server west: UnknownServer: The database server 'west' has no address")


def test_verify_succeeds_if_the_catalogue_is_right(gamma_and_delta):
    assert _run("--verify") == ("The catalogue matched the databases of 2 of 2 casinos.\n", "", "")


@pytest.mark.exhaustive
def test_verify_corrects_the_catalogue_where_a_database_has_other_migrations(gamma, settings):
    Casino.objects.filter(pk=gamma.pk).update(schema_version="0123456789abcdef")
    out, err, message = _run("--verify", "--jobs", "2")
    assert out == "The catalogue matched the databases of 1 of 2 casinos.\n"
    assert f"Gamma (casino {gamma.pk}): {gamma.db_name} has the schema {code_version()}, but the catalogue had" in err
    assert message == f"The catalogue did not match {gamma.pk}."
    assert _versions() == {code_version()}
    assert _run("--verify")[2] == ""


def test_verify_finds_wrong_and_missing_databases(gamma, delta):
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("UPDATE casino_identity SET casino_id = 7, identity = gen_random_uuid()")
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(delta.db_name)}")
    wrong = json.loads(_run("--verify", "--json")[0])["wrong"]
    assert [each["id"] for each in wrong] == [gamma.pk, delta.pk]
    assert f"{gamma.db_name} is generation 1 of casino 7 (" in wrong[0]["problem"]
    assert wrong[1]["problem"].startswith("OperationalError: ")


def test_verify_finds_a_database_without_an_identity_row(gamma):
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("DROP TABLE casino_identity")
    assert f"Gamma (casino {gamma.pk}): {gamma.db_name} has no identity row" in _run("--verify")[1]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--jobs", "0"], "'0' is not a whole number of at least 1"),
        (["--canary", "x"], "'x' is not a whole number of at least 1"),
        (["--resume", "--only-failed"], "not allowed with argument"),
        (["--verify", "--dry-run"], "not allowed with argument"),
        (["--resume"], "omit --resume to start a new one"),
    ],
)
def test_invalid_arguments_are_refused(real_databases, arguments, error):
    assert error in _run(*arguments)[2]


@pytest.mark.covered
def test_only_failed_without_any_run_succeeds(real_databases):
    assert _run("--only-failed") == ("0 casinos up to date.\n", "", "")


@pytest.mark.exhaustive
def test_ctrl_c_ends_the_command_and_says_how_to_continue(new_release, gamma):
    """The process waits for a lock while it is interrupted."""
    code = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a run that a shell started in the background
os.environ["DJANGO_SETTINGS_MODULE"] = "recsys_project.settings"
from django.conf import settings
settings.MIGRATION_MODULES, settings.CASINO_DATABASE_PREFIX = {WIDER!r}, {django_settings.CASINO_DATABASE_PREFIX!r}
settings.DATABASES["default"]["NAME"] = {django_settings.DATABASES["default"]["NAME"]!r}
settings.MIGRATION_LOCK_SECONDS = 60
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "migrate_casinos"])
"""
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM users")
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        _wait_for_a_blocked_session(gamma.db_name)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "Interrupted; continue with `manage.py migrate_casinos --resume`." in error
    assert _run("--resume")[0].startswith("2 migrated, 0 failed, 0 pending;")


def _wait_for_a_blocked_session(db_name):
    with server_cursor() as cursor:
        cursor.execute("SET statement_timeout = '120s'")
        cursor.execute(
            "DO $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = '"
            + db_name
            + "' AND wait_event_type = 'Lock') LOOP PERFORM pg_stat_clear_snapshot(), pg_sleep(0.05); END LOOP; END $$"
        )
