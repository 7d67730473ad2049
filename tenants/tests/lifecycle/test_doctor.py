import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from tenants.databases.locks import casino_lock
from tenants.databases.servers import database_exists, quoted, server_cursor
from tenants.errors import DatabaseReadOnly
from tenants.lifecycle import databases
from tenants.lifecycle.backup import back_up, default_folder
from tenants.lifecycle.create import create_casino, store_casinos
from tenants.lifecycle.doctor.examine import examine, repair
from tenants.lifecycle.doctor.findings import Finding
from tenants.lifecycle.restore import restore_casino
from tenants.models import Casino, CasinoDatabase, CasinoState, DatabaseServer
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user

PREDECLARED = ("test_casino_1", "test_casino_2")  # not in the catalogue of these tests


def findings() -> list[Finding]:
    return [finding for finding in examine() if finding.database not in PREDECLARED]


def codes() -> list[str]:
    return [finding.code for finding in findings()]


def repair_all() -> list[tuple[str, str | None]]:
    """(code, error) of each finding that has a repair."""
    return [(finding.code, str(error) if error else None) for finding, error in repair(findings())]


def execute(statement: str, *, server: str = "main") -> None:
    with server_cursor("postgres", server=server) as cursor:
        cursor.execute(statement)


@pytest.fixture
def gamma(real_databases: None) -> Casino:
    gamma, _delta = store_casinos(["Gamma", "Delta"])
    with use_casino(gamma.current):
        make_user("Gamma's")
    return gamma


@pytest.fixture
def extra_databases() -> Iterator[list[str]]:
    names: list[str] = []
    yield names
    for name in names:
        execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")


def test_no_findings_without_problems(gamma):
    assert findings() == []


def test_nothing_is_found_in_an_empty_catalogue(real_databases):
    assert findings() == []


@pytest.mark.covered
@pytest.mark.parametrize("state", [CasinoState.REQUESTED, CasinoState.CREATING, CasinoState.FAILED])
def test_unfinished_casino_is_created(gamma, state):
    casino = Casino.objects.create(name="Epsilon", state=state, state_detail="the disk was full")
    [finding] = findings()
    assert (finding.code, finding.casino_id) == ("half_created", casino.pk)
    assert "the disk was full" in finding.problem
    assert repair_all() == [("half_created", None)]
    casino.refresh_from_db()
    assert casino.state == CasinoState.ACTIVE
    assert findings() == []


def test_busy_casino_is_skipped(gamma):
    casino = Casino.objects.create(name="Epsilon", state=CasinoState.CREATING)
    with casino_lock(casino.pk):
        assert findings() == []
    assert codes() == ["half_created"]


def test_half_moved_casino_is_writable_again_on_its_old_server(gamma):
    Casino.objects.filter(pk=gamma.pk).update(state=CasinoState.MOVING)
    databases.freeze(databases.current_database(gamma))
    half = databases.plan_database(gamma, gamma.server)
    databases.create_empty(half)
    with pytest.raises(DatabaseReadOnly), use_casino(gamma.current):
        make_user()
    assert codes() == ["half_moved"]
    assert repair_all() == [("half_moved", None)]
    assert findings() == []
    assert not CasinoDatabase.objects.filter(db_name=half.db_name).exists()
    with use_casino(gamma.current):
        make_user()


def test_half_deleted_casino_is_deleted_after_a_backup(gamma, settings):
    Casino.objects.filter(pk=gamma.pk).update(state=CasinoState.DELETING)
    assert repair_all() == [("half_deleted", None)]
    gamma.refresh_from_db()
    assert gamma.state == CasinoState.DELETED
    assert len(list(settings.BACKUP_DIR.glob(f"{gamma.pk}/*/manifest.json"))) == 1
    assert findings() == []


def test_unfinished_database_of_a_restore_is_dropped(gamma):
    half = databases.plan_database(gamma, gamma.server)
    databases.create_empty(half)
    [finding] = findings()
    assert (finding.code, finding.database) == ("half_built", half.db_name)
    assert repair_all() == [("half_built", None)]
    assert findings() == []
    assert not databases.exists(half)


def test_missing_database_is_not_recreated_but_the_newest_backup_is_named(gamma):
    backup = back_up(gamma)
    execute(f"DROP DATABASE {quoted(gamma.db_name)} WITH (FORCE)")
    [finding] = findings()
    assert (finding.code, finding.repair) == ("database_missing", None)
    assert finding.advice == f"Run `manage.py casino restore {gamma.pk} {backup.folder}`."
    assert repair_all() == []
    restore_casino(gamma, backup.folder)
    with use_casino(gamma.current):
        assert User.objects.get().name == "Gamma's"
    assert codes() == ["retired_missing"]
    assert repair_all() == [("retired_missing", None)]
    assert findings() == []


@pytest.mark.covered
def test_database_of_no_known_casino_is_reported_and_never_touched(gamma, extra_databases):
    extra_databases.append("test_casino_4242")
    execute("CREATE DATABASE test_casino_4242")
    [finding] = findings()
    assert (finding.code, finding.database, finding.repair) == ("orphan_database", "test_casino_4242", None)
    assert "another installation's" in finding.advice
    assert repair_all() == []
    assert codes() == ["orphan_database"]


def test_unrecorded_database_with_a_casinos_identity_is_dumped_and_dropped(gamma, extra_databases, settings):
    extra_databases.append("test_casino_4242")
    databases.retire(databases.current_database(gamma))
    execute(f"CREATE DATABASE test_casino_4242 TEMPLATE {quoted(gamma.db_name)}")
    databases.reopen(databases.current_database(gamma))
    [finding] = findings()
    assert (finding.code, finding.casino_id) == ("orphan_database", gamma.pk)
    assert repair_all() == [("orphan_database", None)]
    assert (settings.BACKUP_DIR / "orphans" / "main" / "test_casino_4242.dump").stat().st_size > 1_000
    assert findings() == []


def test_databases_with_similar_names_are_ignored(gamma, extra_databases):
    extra_databases += ["test_casino_4242_copy", "xtest_casino_4242"]
    for name in extra_databases:
        execute(f"CREATE DATABASE {quoted(name)}")
    assert findings() == []


def test_database_of_another_casino_is_found_and_not_repaired(gamma):
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("UPDATE casino_identity SET identity = %s", [uuid4()])
    [finding] = findings()
    assert (finding.code, finding.repair) == ("wrong_identity", None)


def test_database_without_identity_is_found(gamma):
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("DELETE FROM casino_identity")
    assert codes() == ["no_identity"]


def test_frozen_and_closed_databases_are_opened(gamma):
    databases.freeze(databases.current_database(gamma))
    assert repair_all() == [("frozen", None)]
    databases.retire(databases.current_database(gamma))
    assert repair_all() == [("closed", None)]
    assert findings() == []
    with use_casino(gamma.current):
        make_user()


def test_retired_database_that_was_left_open_is_closed(gamma):
    restore_casino(gamma, back_up(gamma).folder)
    databases.reopen(gamma.databases.get(generation=1))
    assert repair_all() == [("retired_open", None)]
    assert findings() == []


def test_casino_that_is_behind_is_found(gamma):
    Casino.objects.filter(pk=gamma.pk).update(schema_version="")
    [finding] = findings()
    assert (finding.code, finding.advice) == ("behind", "Run `manage.py migrate_casinos`.")


def test_incomplete_backup_is_removed(gamma):
    partial = default_folder(gamma).with_suffix(".partial")
    partial.mkdir(parents=True)
    (partial / "database.dump").write_bytes(b"half")
    assert repair_all() == [("partial_backup", None)]
    assert not partial.exists()


def test_server_without_an_address_is_reported_and_the_others_are_checked(gamma):
    DatabaseServer.objects.create(name="nowhere")
    Casino.objects.create(name="Epsilon")
    found = {finding.code: finding for finding in findings()}
    assert found.keys() == {"server_without_address", "half_created"}
    assert found["server_without_address"].advice == "Set DATABASE_SERVER_NOWHERE_URL."


def test_unavailable_server_is_reported_and_the_others_are_checked(second_server, settings):
    unavailable = create_casino("Away", server="east")
    addresses = settings.DATABASE_SERVERS
    nowhere = addresses["east"]["direct"] | {"HOST": "/nowhere"}
    settings.DATABASE_SERVERS = {"east": {"requests": nowhere, "direct": nowhere}}
    Casino.objects.create(name="Epsilon", server_id="main")
    found = findings()
    settings.DATABASE_SERVERS = addresses
    assert sorted(finding.code for finding in found) == ["half_created", "server_away"]
    assert unavailable.pk not in {finding.casino_id for finding in found}


def test_with_roles_a_database_open_to_public_is_restricted(gamma, settings):
    settings.CASINO_ROLES, settings.CASINO_ROLE_SECRET = True, "s" * 50
    assert [code for code, _ in repair_all() if code == "open_to_public"] == ["open_to_public"] * 2
    assert findings() == []


def test_failed_repair_does_not_stop_the_others(gamma):
    first = Casino.objects.create(name="Epsilon")
    Casino.objects.create(name="Zeta")
    execute(f"CREATE DATABASE {quoted(f'test_casino_{first.pk}')}")
    half_created = [finding for finding in findings() if finding.code == "half_created"]
    (_, error), (_, no_error) = repair([*half_created, replace(half_created[0], repair=None)])
    assert "already exists" in str(error)
    assert no_error is None


def run_command(*arguments: str) -> str:
    out = StringIO()
    call_command("casino", "doctor", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def predeclared_databases_hidden(real_databases: None) -> Iterator[None]:
    """Hides the predeclared casinos' databases, if they exist, from the doctor."""
    with server_cursor("postgres") as cursor:
        hidden = [name for name in PREDECLARED if database_exists(cursor, name)]
    for name in hidden:
        connections[name.removeprefix("test_")].close()
        execute(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(f'hidden_{name}')}")
    yield
    for name in hidden:
        execute(f"ALTER DATABASE {quoted(f'hidden_{name}')} RENAME TO {quoted(name)}")


def test_command_says_that_no_problems_were_found(predeclared_databases_hidden):
    assert run_command() == "No problems found.\n"
    assert json.loads(run_command("--json")) == []


def test_command_fails_while_a_problem_is_left_and_repairs_it_with_the_option(predeclared_databases_hidden):
    casino = Casino.objects.create(name="Epsilon")
    with pytest.raises(CommandError, match="Left: 1 of 1 problem"):
        run_command()
    with pytest.raises(CommandError, match=r"Create its database now\..*pass --yes"):
        run_command("--repair")
    [outcome] = json.loads(run_command("--mend", "--yes", "--json"))  # the former name of --repair
    assert (outcome["code"], outcome["casino_id"], outcome["outcome"]) == ("half_created", casino.pk, "mended")
    assert run_command() == "No problems found.\n"
