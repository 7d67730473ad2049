import json
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tenants.databases.locks import casino_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.backup import backups_of
from tenants.lifecycle.create import create_casino, store_casinos
from tenants.lifecycle.restore import restore_casino
from tenants.management.commands.casino import Command
from tenants.models import Casino, CasinoState, DatabaseServer, ServerState
from tenants.tests.casinos import add_user, databases_on, users_of
from tenants.tests.commands import run


@pytest.fixture
def gamma(real_databases):
    casino = create_casino("Gamma", server="main")
    add_user(casino, "Ada")
    return casino


@pytest.mark.parametrize("verb", Command.verbs)
def test_every_verb_has_help_and_a_json_option(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("casino", verb, "--help")
    assert ended.value.code == 0
    written = capsys.readouterr().out
    assert "--json" in written
    assert Command.verbs[verb].help.split(" ")[0] in written


def test_unknown_verb_is_refused_and_the_verbs_are_listed(db):
    with pytest.raises(CommandError, match=r"invalid choice: 'destroy' .*create.*delete"):
        run("casino", "destroy", 1)


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("suspend",), ("resume",), ("clone", "Copy"), ("backup",), ("backups",), ("restore", "any", "--yes"),
     ("move", "main"), ("prune", "--yes"), ("delete", "--yes")],
)  # fmt: skip
@pytest.mark.parametrize("casino_id", ["999999", "0", str(2**63)])
def test_unknown_casino_is_refused_with_advice(db, arguments, casino_id):
    verb, *others = arguments
    with pytest.raises(CommandError, match=rf"No casino has the id {casino_id}; see `manage\.py casino list`"):
        run("casino", verb, casino_id, *others)


class TestCreate:
    pytestmark = pytest.mark.usefixtures("real_databases")

    def test_casino_is_created_and_its_steps_are_on_stderr(self):
        written = run("casino", "create", "  Café Royale ")
        casino = Casino.objects.get()
        assert (casino.name, casino.state) == ("Café Royale", CasinoState.ACTIVE)
        assert written.out == f"Casino {casino.pk} (Café Royale) is ready: database {casino.db_name} on main.\n"
        assert written.err.splitlines() == [
            "choosing a server",
            f"creating the database {casino.db_name} on main",
            "writing the identity row",
            "activating the database",
        ]

    def test_answer_in_json_describes_the_casino(self):
        document = run("casino", "create", "Gamma", "--json").document
        casino = Casino.objects.get()
        assert (document["id"], document["database"], document["state"]) == (casino.pk, casino.db_name, "active")

    @pytest.mark.covered
    def test_casino_is_created_on_the_named_server(self, second_server):
        assert run("casino", "create", "Gamma", "--server", "east", "--json").document["server"] == "east"

    def test_taken_name_is_refused(self):
        (gamma,) = store_casinos(["Gamma"])
        with pytest.raises(CommandError, match="A casino named 'Gamma' already exists"):
            run("casino", "create", " Gamma")
        assert Casino.objects.get().state == gamma.state

    @pytest.mark.parametrize("name", ["", "   ", "x" * 101])
    def test_name_that_is_empty_or_too_long_is_refused(self, name):
        with pytest.raises(CommandError, match=r"name has \d+ characters; use 1 to 100 characters"):
            run("casino", "create", name)
        assert not Casino.objects.exists()

    def test_failure_is_reported_and_the_same_command_finishes_later(self):
        name = f"test_casino_{Casino.objects.create(name='Before').pk + 1}"
        with server_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {quoted(name)}")
            with pytest.raises(CommandError, match=f"{name} already exists"):
                run("casino", "create", "Gamma")
            assert Casino.objects.get(name="Gamma").state == CasinoState.FAILED
            cursor.execute(f"DROP DATABASE {quoted(name)}")
        written = run("casino", "create", "Gamma")
        assert "finishing the unfinished" in written.err
        assert Casino.objects.get(name="Gamma").state == CasinoState.ACTIVE

    def test_full_or_unknown_server_is_refused_with_advice(self):
        DatabaseServer.objects.update(state=ServerState.CLOSED)
        with pytest.raises(CommandError, match="main is closed to new casinos"):
            run("casino", "create", "Gamma")
        with pytest.raises(CommandError, match=r"see `manage\.py database_server list`"):
            run("casino", "create", "Delta", "--server", "west")


class TestListAndShow:
    def test_list_has_all_casinos_that_are_not_deleted(self, casino_a, casino_b):
        Casino.objects.create(id=3, name="Gone", state=CasinoState.DELETED)
        Casino.objects.create(id=4, name="Half", state=CasinoState.FAILED, state_detail="the disk\nis full")
        head, *lines = run("casino", "list").out.splitlines()
        assert head.split() == ["ID", "NAME", "STATE", "SERVER", "GENERATION", "BEHIND", "CONFIGURED", "DETAIL"]
        assert [line.split() for line in lines] == [
            ["1", "Alpha", "active", "main", "1", "no", "no"],
            ["2", "Beta", "active", "main", "1", "no", "no"],
            ["4", "Half", "failed", "0", "no", "the", "disk", "is", "full"],
        ]

    def test_list_can_be_filtered_by_state(self, casino_a, casino_b):
        Casino.objects.create(id=3, name="Gone", state=CasinoState.DELETED)
        [gone] = run("casino", "list", "--state", "deleted", "--json").document
        assert (gone["id"], gone["is_behind"], gone["server"]) == (3, None, None)
        with pytest.raises(CommandError, match="invalid choice: 'any'"):
            run("casino", "list", "--state", "any")

    def test_empty_list_says_so(self, db):
        assert run("casino", "list").out == "No casinos found.\n"
        assert run("casino", "list", "--json").document == []

    def test_casino_that_is_behind_or_configured_is_shown_so(self, casino_a, casino_b):
        Casino.objects.filter(pk=1).update(schema_version="older")
        Casino.objects.filter(pk=2).update(recommender_type="static", recommendation_schema={"id": {}})
        alpha, beta = run("casino", "list", "--json").document
        assert (alpha["is_behind"], beta["is_behind"]) == (True, False)
        assert (alpha["is_configured"], beta["is_configured"]) == (False, True)
        assert "yes: run `manage.py migrate_casinos`" in run("casino", "show", 1).out

    def test_show_describes_everything(self, gamma):
        folder = Path(run("casino", "backup", gamma.pk, "--json").document["folder"])
        restore_casino(gamma, folder)
        shown = run("casino", "show", gamma.pk, "--json").document
        assert {
            "id": gamma.pk, "name": "Gamma", "state": "active", "detail": "", "server": "main", "generation": 2,
            "is_behind": False, "is_configured": False, "database": gamma.db_name, "identity": str(gamma.identity),
            "schema_version": gamma.schema_version, "copied_from": None, "recommender_type": None,
        }.items() <= shown.items()  # fmt: skip
        assert shown["size"] > 5_000_000
        assert [(each["folder"], each["generation"]) for each in shown["backups"]] == [(str(folder), 1)]
        assert [(each["generation"], each["server"], each["database"]) for each in shown["retired"]] == [
            (1, "main", f"test_casino_{gamma.pk}")
        ]
        text = run("casino", "show", gamma.pk).out
        for word in ("Gamma", "active", gamma.db_name, str(folder), "generation 1"):
            assert word in text

    def test_casino_on_an_unavailable_server_is_shown_without_its_size(self, second_server, settings):
        casino = create_casino("Gamma", server="east")
        known, settings.DATABASE_SERVERS = settings.DATABASE_SERVERS, {}
        shown = run("casino", "show", casino.pk, "--json").document
        settings.DATABASE_SERVERS = known
        assert (shown["server"], shown["size"]) == ("east", None)

    def test_deleted_casino_can_be_shown(self, db):
        Casino.objects.create(id=3, name="Gone", state=CasinoState.DELETED)
        assert run("casino", "show", 3, "--json").document["state"] == "deleted"
        assert "deleted" in run("casino", "show", 3).out


def test_suspend_stores_the_reason_and_resume_clears_it(casino_a):
    assert run("casino", "suspend", 1, "--reason", "unpaid").out == "Alpha (casino 1) is suspended.\n"
    assert run("casino", "show", 1, "--json").document["detail"] == "unpaid"
    assert run("casino", "resume", 1, "--json").document["state"] == "active"


def test_refusal_of_a_service_becomes_an_error_message(casino_a):
    Casino.objects.update(state=CasinoState.DELETED)
    with pytest.raises(CommandError, match="is deleted; it must be"):
        run("casino", "suspend", 1)


def test_busy_casino_is_an_error(casino_a, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    with casino_lock(1), pytest.raises(CommandError, match="Another process has been working on casino 1"):
        run("casino", "suspend", 1)


def test_clone_copies_a_casino(gamma):
    document = run("casino", "clone", gamma.pk, "Copy", "--json").document
    assert document["copied_from"] == gamma.pk
    assert users_of(Casino.objects.get(name="Copy")) == ["Ada"]
    with pytest.raises(CommandError, match="1 to 100 characters"):
        run("casino", "clone", gamma.pk, " ")


def test_backups_are_created_and_listed(gamma, tmp_path):
    assert run("casino", "backups", gamma.pk).out == f"{gamma} has no backups.\n"
    run("casino", "backup", gamma.pk)
    written = run("casino", "backup", gamma.pk, "--to", tmp_path / "mine")
    assert str(tmp_path / "mine") in written.out
    assert written.err.splitlines()[0] == f"dumping {gamma.db_name} on main"
    [listed] = run("casino", "backups", gamma.pk, "--json").document
    assert [listed["folder"]] == [str(backup.folder) for backup in backups_of(gamma)]
    assert listed["folder"] in run("casino", "backups", gamma.pk).out


def test_unwritable_folder_is_an_error_without_a_traceback(gamma, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="Not a directory"):
        run("casino", "backup", gamma.pk, "--to", tmp_path / "file" / "below")


class TestRestore:
    @pytest.fixture
    def folder(self, gamma):
        folder = run("casino", "backup", gamma.pk, "--json").document["folder"]
        add_user(gamma, "Later")
        return folder

    def test_confirmation_says_what_is_lost_and_yes_continues(self, gamma, folder):
        written = run("casino", "restore", gamma.pk, folder, typed="yes\n")
        assert f"{gamma} is restored to the backup of " in written.err
        assert "Rows stored since then stay only in generation 1, which is kept until `casino prune`" in written.err
        assert "generation 2" in written.out
        assert users_of(gamma) == ["Ada"]

    @pytest.mark.parametrize("typed", ["no\n", "\n", "", "y\n"])
    def test_any_other_answer_changes_nothing(self, gamma, folder, typed):
        with pytest.raises(CommandError, match=r"nothing was changed"):
            run("casino", "restore", gamma.pk, folder, typed=typed)
        assert users_of(gamma) == ["Ada", "Later"]

    def test_without_a_terminal_it_refuses_without_yes(self, gamma, folder):
        with pytest.raises(CommandError, match="Not a terminal: pass --yes"):
            run("casino", "restore", gamma.pk, folder)
        assert users_of(gamma) == ["Ada", "Later"]
        assert run("casino", "restore", gamma.pk, folder, "--yes", "--json").document["generation"] == 2

    def test_generation_is_restored_instead_of_a_backup(self, gamma, folder):
        run("casino", "restore", gamma.pk, folder, "--yes")
        run("casino", "restore", gamma.pk, "--generation", 1, "--yes")
        assert users_of(gamma) == ["Ada", "Later"]

    @pytest.mark.parametrize("sources", [[], ["any", "--generation", "1"]])
    def test_one_source_must_be_named(self, gamma, sources):
        with pytest.raises(CommandError, match=r"is required|not allowed with"):
            run("casino", "restore", gamma.pk, *sources, "--yes")

    def test_generation_stays_on_its_server(self, gamma):
        with pytest.raises(CommandError, match="omit --server"):
            run("casino", "restore", gamma.pk, "--generation", 1, "--server", "main", "--yes")

    def test_folder_without_a_backup_is_refused_before_the_confirmation(self, gamma, tmp_path):
        with pytest.raises(CommandError, match="is not a backup"):
            run("casino", "restore", gamma.pk, tmp_path)

    def test_prune_names_the_databases_and_asks_for_confirmation(self, gamma, folder):
        assert run("casino", "prune", gamma.pk).out == f"{gamma} has no retired database.\n"
        run("casino", "restore", gamma.pk, folder, "--yes")
        with pytest.raises(CommandError, match=rf"This drops test_casino_{gamma.pk} on main.* pass --yes"):
            run("casino", "prune", gamma.pk)
        assert run("casino", "prune", gamma.pk, typed="yes\n").out == f"Dropped: test_casino_{gamma.pk} on main.\n"
        assert databases_on() == {f"test_casino_{gamma.pk}_g2"}


def test_move_goes_to_the_named_server(gamma, second_server):
    assert run("casino", "move", gamma.pk, "east", "--json").document["server"] == "east"
    assert users_of(gamma) == ["Ada"]
    with pytest.raises(CommandError, match="no database server 'west'"):
        run("casino", "move", gamma.pk, "west")


class TestDelete:
    def test_casinos_name_must_be_typed(self, gamma):
        for typed in ("yes\n", "gamma\n", ""):
            with pytest.raises(CommandError, match=r"nothing was changed"):
                run("casino", "delete", gamma.pk, typed=typed)
        assert users_of(gamma) == ["Ada"]
        written = run("casino", "delete", gamma.pk, typed="Gamma\n")
        assert (
            f"This deletes {gamma} after a last backup, with all its databases: {gamma.db_name} on main" in written.err
        )
        assert "its last backup is" in written.out
        gamma.refresh_from_db()
        assert gamma.state == CasinoState.DELETED

    def test_without_a_terminal_it_refuses_without_yes(self, gamma):
        with pytest.raises(CommandError, match=f"with all its databases: {gamma.db_name} on main.*pass --yes"):
            run("casino", "delete", gamma.pk)
        assert users_of(gamma) == ["Ada"]
        [backup] = [run("casino", "delete", gamma.pk, "--yes", "--json").document["backup"]]
        assert [backup["folder"]] == [str(each.folder) for each in backups_of(gamma)]

    def test_last_backup_is_written_into_the_named_folder_or_omitted(self, gamma, tmp_path):
        (delta,) = store_casinos(["Delta"])
        run("casino", "delete", gamma.pk, "--yes", "--backup-to", tmp_path / "last")
        assert (tmp_path / "last" / "manifest.json").exists()
        assert "there is no backup" in run("casino", "delete", delta.pk, "--yes", "--no-backup").out
        assert backups_of(gamma) == backups_of(delta) == []

    def test_deleting_a_deleted_casino_does_nothing_and_asks_nothing(self, gamma):
        run("casino", "delete", gamma.pk, "--yes", "--no-backup")
        assert run("casino", "delete", gamma.pk).out == f"{gamma} is already deleted.\n"


def test_json_is_a_single_document(gamma):
    written = run("casino", "backup", gamma.pk, "--json")
    assert set(json.loads(written.out)) == {"folder", "generation", "taken_at", "size", "sha256"}
    assert "dumping" in written.err


class TestWholeInstallation:
    def test_backup_of_all_casinos_is_created_and_listed(self, gamma, tmp_path):
        assert run("casino", "backups", "--all").out == "The installation has no backups.\n"
        written = run("casino", "backup", "--all")
        assert "The catalogue and 1 of 1 casino backed up in" in written.out
        [listed] = run("casino", "backups", "--all", "--json").document
        assert listed["folder"] in written.out
        assert "complete" in run("casino", "backups", "--all").out

    def test_incomplete_backup_exits_with_an_error_that_names_the_casino(self, gamma):
        with server_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {quoted(gamma.db_name)} WITH (FORCE)")
        with pytest.raises(
            CommandError, match=rf"The backup is incomplete\. Missing: {re.escape(str(gamma))}: .*exist"
        ):
            run("casino", "backup", "--all")
        assert "incomplete, without 1" in run("casino", "backups", "--all").out

    @pytest.mark.parametrize(
        "arguments", [("backup", 1, "--all"), ("backups", 1, "--all"), ("restore", 1, "--all", "x")]
    )
    def test_one_casino_and_all_casinos_exclude_each_other(self, db, arguments):
        with pytest.raises(CommandError, match="Give the casino's id 1, or --all, not both"):
            run("casino", *arguments)

    @pytest.mark.parametrize("verb", ["backup", "backups", "restore"])
    def test_neither_a_casino_nor_all_is_refused(self, db, verb):
        with pytest.raises(CommandError, match=r"required: ID|one of the arguments"):
            run("casino", verb)

    def test_restore_into_a_catalogue_in_use_is_refused_after_the_confirmation(self, gamma):
        folder = run("casino", "backup", "--all", "--json").document["folder"]
        with pytest.raises(CommandError, match=r"This restores the catalogue and 1 casino .* pass --yes"):
            run("casino", "restore", "--all", folder)
        with pytest.raises(CommandError, match="is not empty"):
            run("casino", "restore", "--all", folder, "--yes")


@pytest.mark.parametrize("text", ["1_0", "+1", "01", " 1", "\u0663", "1.0"])
def test_id_in_another_form_is_refused(text):
    with pytest.raises(CommandError, match="is not an id: a whole number"):
        call_command("casino", "show", text)
