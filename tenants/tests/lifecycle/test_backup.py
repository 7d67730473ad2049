import hashlib
import json
import os
import re
import socket
import stat

import pytest
from django.db import OperationalError

from tenants.databases.locks import casino_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.errors import BackupInvalid, CasinoBusy, CopyFailed, WrongState
from tenants.lifecycle.backup import DUMP, MANIFEST, back_up, backups_of, partial_backups, read_backup
from tenants.lifecycle.create import create_casino, store_casinos
from tenants.lifecycle.restore import restore_casino
from tenants.models import Casino, CasinoState
from tenants.tests.casinos import add_user, rewrite_manifest, users_of


@pytest.fixture
def gamma(real_databases):
    casino = create_casino("Gamma")
    add_user(casino, "Ada")
    return casino


def test_backup_is_a_dump_and_a_manifest_with_its_checksum(gamma):
    steps: list[str] = []
    backup = back_up(gamma, report=steps.append)
    assert sorted(path.name for path in backup.folder.iterdir()) == [DUMP, MANIFEST]
    dump = (backup.folder / DUMP).read_bytes()
    assert dump.startswith(b"PGDMP")
    manifest = json.loads((backup.folder / MANIFEST).read_text())
    assert manifest["sha256"] == hashlib.sha256(dump).hexdigest()
    assert manifest["size"] == len(dump)
    assert (manifest["casino_id"], manifest["name"], manifest["generation"]) == (gamma.pk, "Gamma", 1)
    assert manifest["identity"] == str(gamma.identity)
    assert "recommendations.0001_initial" in manifest["migrations"]
    assert read_backup(backup.folder) == backup
    assert steps == [f"dumping {gamma.db_name} on main", "writing the manifest"]


def test_backup_is_readable_by_its_owner_only(gamma):
    assert stat.S_IMODE(back_up(gamma).folder.stat().st_mode) == 0o700


def test_casino_stays_in_service_and_its_later_rows_are_not_in_the_backup(gamma):
    folder = back_up(gamma).folder
    add_user(gamma, "Later")
    assert users_of(gamma) == ["Ada", "Later"]
    restore_casino(gamma, folder)
    assert users_of(gamma) == ["Ada"]


def test_only_the_casinos_backups_are_listed_newest_first(gamma):
    (delta,) = store_casinos(["Delta"])
    first, second = back_up(gamma), back_up(gamma)
    back_up(delta)
    assert backups_of(gamma) == [second, first]


def test_backup_is_written_into_the_named_folder(gamma, tmp_path):
    backup = back_up(gamma, folder=tmp_path / "far" / "away")
    assert backup.folder == tmp_path / "far" / "away"
    assert read_backup(backup.folder).manifest.casino_id == gamma.pk
    assert backups_of(gamma) == []


def test_existing_folder_is_not_written_into(gamma, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(BackupInvalid, match="mine already exists; name a new folder"):
        back_up(gamma, folder=tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_sockets_and_fifos_beside_the_folder_are_not_opened(gamma, tmp_path):
    """Opening the FIFO would wait for its writer, with the casino's lock held."""
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))  # a socket's path has 107 characters at most
        backup = back_up(gamma, folder=tmp_path / "mine")
    assert read_backup(backup.folder) == backup


def test_folder_in_place_of_a_dangling_link_is_refused(gamma, tmp_path):
    (tmp_path / "mine").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BackupInvalid, match="mine already exists"):
        back_up(gamma, folder=tmp_path / "mine")


def test_interrupted_backup_is_not_listed_and_does_not_prevent_the_next(gamma, settings):
    folder = settings.BACKUP_DIR / str(gamma.pk) / "noon"
    partial = folder.with_name("noon.partial")
    partial.mkdir(parents=True)
    (partial / DUMP).write_bytes(b"half a dump")
    (partial / MANIFEST).write_text("{}")
    assert (partial_backups(), backups_of(gamma)) == ([partial], [])
    backup = back_up(gamma, folder=folder)
    assert (backup.folder, partial.exists(), partial_backups()) == (folder, False, [])
    assert read_backup(folder) == backup


def test_damaged_dump_is_not_restored_and_the_casino_goes_on(gamma):
    folder = back_up(gamma).folder
    dump = (folder / DUMP).read_bytes()
    for damaged in (dump[:-1], dump[:100] + bytes([dump[100] ^ 1]) + dump[101:], b""):
        (folder / DUMP).write_bytes(damaged)
        with pytest.raises(BackupInvalid, match=r"is damaged: its checksum is not the one in manifest\.json"):
            restore_casino(gamma, folder)
    (folder / DUMP).unlink()
    with pytest.raises(BackupInvalid, match="is damaged"):
        restore_casino(gamma, folder)
    gamma.refresh_from_db()
    assert (gamma.state, gamma.generation, users_of(gamma)) == (CasinoState.ACTIVE, 1, ["Ada"])


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"format": 1}', "\x00"])
def test_damaged_manifest_is_not_restored(gamma, text):
    folder = back_up(gamma).folder
    (folder / MANIFEST).write_text(text)
    with pytest.raises(BackupInvalid, match=f"{re.escape(str(folder))} is not a backup"):
        restore_casino(gamma, folder)


def test_damaged_manifest_does_not_hide_the_other_backups(gamma, caplog):
    whole, damaged = back_up(gamma), back_up(gamma)
    (damaged.folder / MANIFEST).write_text("{")
    assert backups_of(gamma) == [whole]
    assert f"{damaged.folder} is not a backup" in caplog.text


def test_folder_without_a_backup_is_refused(gamma, tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BackupInvalid, match=r"is not a backup: .*No such file"):
            restore_casino(gamma, folder)


def test_backup_of_a_newer_format_is_refused(gamma):
    folder = back_up(gamma).folder
    rewrite_manifest(folder, format=2)
    with pytest.raises(BackupInvalid, match="is a backup of format 2; this release reads format 1"):
        restore_casino(gamma, folder)


def test_backup_of_another_casino_is_refused_even_under_the_same_id(gamma):
    (delta,) = store_casinos(["Delta"])
    folder = back_up(delta).folder
    with pytest.raises(BackupInvalid, match=rf"is a backup of Delta \(casino {delta.pk}, .*\), not of Gamma"):
        restore_casino(gamma, folder)
    rewrite_manifest(folder, casino_id=gamma.pk, name="Gamma")
    with pytest.raises(BackupInvalid, match="not of Gamma"):
        restore_casino(gamma, folder)
    assert users_of(gamma) == ["Ada"]


@pytest.mark.parametrize("state", [CasinoState.REQUESTED, CasinoState.CREATING, CasinoState.FAILED])
def test_casino_without_a_database_is_not_backed_up(gamma, state):
    Casino.objects.filter(pk=gamma.pk).update(state=state)
    with pytest.raises(WrongState, match=f"is {state}"):
        back_up(gamma)
    assert partial_backups() == []


def test_casino_that_another_process_works_on_is_not_backed_up(gamma, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    with casino_lock(gamma.pk), pytest.raises(CasinoBusy):
        back_up(gamma)


def test_failed_backup_says_why_and_is_not_listed(gamma, settings, tmp_path):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho half a dump; echo 'pg_dump: the disk is on fire' >&2; exit 3\n")
    program.chmod(0o700)
    settings.POSTGRES_BIN_DIR = str(tmp_path)
    with pytest.raises(CopyFailed, match=rf"pg_dump of {gamma.db_name} on main failed with status 3: .*is on fire"):
        back_up(gamma)
    assert backups_of(gamma) == []


def test_missing_database_is_not_backed_up(gamma):
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(gamma.db_name)} WITH (FORCE)")
    with pytest.raises(OperationalError, match="does not exist"):
        back_up(gamma)
    assert backups_of(gamma) == []


def test_partial_backup_in_the_target_folder_is_removed_only_if_it_is_one(gamma, tmp_path):
    partial = tmp_path / "mine.partial"
    partial.mkdir()
    (partial / "database.dump").write_bytes(b"half")
    (partial / "letters.txt").write_text("dear")
    with pytest.raises(BackupInvalid, match=r"exists and contains letters\.txt: name another folder"):
        back_up(gamma, folder=tmp_path / "mine")
    (partial / "letters.txt").unlink()
    back_up(gamma, folder=tmp_path / "mine")
    assert not partial.exists()
