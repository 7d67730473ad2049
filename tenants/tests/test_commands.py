from io import StringIO
from shutil import which

import pytest
from django.conf import settings
from django.core.management import CommandError, ManagementUtility, call_command
from django.db import connections

from tenants.connections import alias_of
from tenants.models import Casino, CasinoState
from tenants.provisioning import store_casinos
from tenants.server import quoted, server_cursor

TRIGGER = "recommendations.0002_offer_version_trigger"


def _run(*arguments):
    """What a command wrote to its standard output."""
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_create_casino_makes_a_casino_of_that_name(real_databases):
    written = _run("create_casino", "  Café Royale ")
    casino = Casino.objects.get()
    assert (casino.name, casino.state) == ("Café Royale", CasinoState.ACTIVE)
    assert written == f"Casino {casino.pk} (Café Royale) is ready: database test_casino_{casino.pk}.\n"


def test_create_casino_refuses_a_name_that_is_taken(real_databases):
    (gamma,) = store_casinos(["Gamma"])
    with pytest.raises(CommandError, match="There is a casino named ' Gamma' already"):
        _run("create_casino", " Gamma")
    assert Casino.objects.get().state == gamma.state


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_create_casino_refuses_a_name_that_is_empty_or_too_long(db, name):
    with pytest.raises(CommandError, match="has 1 to 100 characters"):
        _run("create_casino", name)
    assert not Casino.objects.exists()


def test_create_casino_says_why_the_database_could_not_be_made(real_databases):
    next_id = Casino.objects.create(name="Before").pk + 1
    with server_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(f'test_casino_{next_id}')}")
    with pytest.raises(CommandError, match=f"test_casino_{next_id} exists already"):
        _run("create_casino", "Gamma")
    assert Casino.objects.get(name="Gamma").state == CasinoState.FAILED


def test_create_catalogue_can_be_repeated(real_databases):
    name = connections["default"].settings_dict["NAME"]
    assert _run("create_catalogue") == _run("create_catalogue") == f"The catalogue {name} is ready.\n"


@pytest.fixture
def gamma_and_delta(real_databases):
    """Gamma is behind; Failed is no casino to be migrated."""
    casinos = store_casinos(["Gamma", "Delta"])
    Casino.objects.create(name="Failed", state=CasinoState.FAILED)
    call_command("migrate", "recommendations", "0001", database=alias_of(casinos[0].current), verbosity=0)
    return casinos


def test_migrate_casinos_migrates_every_active_casino(gamma_and_delta):
    gamma, delta = gamma_and_delta
    first, second, total = _run("migrate_casinos").splitlines()
    assert first.startswith(f"{gamma}: ")
    assert TRIGGER in first
    assert (second, total) == (f"{delta}: up to date", "2 casinos are up to date.")
    assert _run("migrate_casinos").splitlines()[0] == f"{gamma}: up to date"


def test_migrate_casinos_migrates_only_those_that_are_named(gamma_and_delta):
    gamma, delta = gamma_and_delta
    assert _run("migrate_casinos", "--casino", str(delta.pk)) == f"{delta}: up to date\n1 casinos are up to date.\n"
    written = _run("migrate_casinos", "--casino", str(delta.pk), "--casino", str(gamma.pk))
    assert TRIGGER in written
    assert written.endswith("2 casinos are up to date.\n")


def test_migrate_casinos_refuses_an_unknown_casino_and_migrates_none(gamma_and_delta):
    gamma, _ = gamma_and_delta
    failed = Casino.objects.get(name="Failed")
    with pytest.raises(CommandError, match=rf"No active casino has the id {failed.pk}, 999999\."):
        _run("migrate_casinos", "--casino", "999999", "--casino", str(gamma.pk), "--casino", str(failed.pk))
    assert TRIGGER in _run("migrate_casinos")


def test_migrate_casinos_ends_with_status_1_when_a_casino_failed(gamma_and_delta, capsys):
    _, delta = gamma_and_delta
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(delta.db_name)} WITH (FORCE)")
    with pytest.raises(SystemExit) as exit_status:
        ManagementUtility(["manage.py", "migrate_casinos"]).execute()
    assert exit_status.value.code == 1
    written = capsys.readouterr()
    assert f"1 of 2 casinos failed: {delta.pk}." in written.err
    assert f'database "{delta.db_name}" does not exist' in written.err
    assert TRIGGER in written.out


def test_migrate_casinos_with_no_casino_is_content(real_databases):
    assert _run("migrate_casinos") == "0 casinos are up to date.\n"


needs_psql = pytest.mark.skipif(
    not (settings.EMBEDDED_POSTGRES_DIR or which("psql")), reason="psql is not installed, and no server is embedded"
)


def _shell(*arguments):
    call_command("dbshell", *arguments, "--", "--tuples-only", "--no-align", "-c", "SELECT current_database()")


@needs_psql
def test_dbshell_opens_the_catalogue(db, capfd):
    _shell()
    assert capfd.readouterr().out.strip() == connections["default"].settings_dict["NAME"]


@needs_psql
def test_dbshell_opens_a_casinos_database(casino_b, capfd):
    _shell("--casino", "2")
    assert capfd.readouterr().out.strip() == casino_b.db_name


@needs_psql
def test_dbshell_opens_a_database_that_was_never_used_before(gamma_and_delta, capfd):
    _shell("--casino", str(gamma_and_delta[1].pk))
    assert capfd.readouterr().out.strip() == gamma_and_delta[1].db_name


@needs_psql
def test_dbshell_passes_on_what_follows_two_dashes_and_fails_as_psql_does(casino_b):
    with pytest.raises(CommandError, match="returned non-zero exit status 1"):
        call_command("dbshell", "--casino", "2", "--", "-c", "SELECT no_such_column")


@pytest.mark.parametrize("casino_id", ["3", "4", "0", "-1", str(2**64)])
def test_dbshell_refuses_a_casino_that_is_unknown_or_not_active(casino_b, casino_id):
    Casino.objects.create(id=3, name="Gamma")
    with pytest.raises(CommandError, match=f"No active casino has the id {casino_id}"):
        _shell("--casino", casino_id)
