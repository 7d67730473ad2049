import resource
import stat
from contextlib import contextmanager

import pytest

from tenants.databases.locks import backup_lock, casino_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.errors import BackupInvalid, CasinoBusy, CopyFailed
from tenants.lifecycle.backup import back_up, backups_of, partial_backups, read_backup
from tenants.lifecycle.doctor.examine import examine
from tenants.lifecycle.installation.backup import (
    CATALOGUE_DUMP,
    back_up_installation,
    installation_backups,
    read_installation_backup,
)
from tenants.lifecycle.suspend import suspend_casino
from tenants.tests.casinos import rewrite_manifest


@contextmanager
def full_disk(size):
    """No file of this process gets larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_backup_has_the_catalogue_and_every_casino(gamma, delta):
    suspend_casino(delta)
    backup = back_up_installation()
    assert sorted(path.name for path in backup.folder.iterdir()) == ["casinos", CATALOGUE_DUMP, "manifest.json"]
    assert [(entry.name, entry.problem) for entry in backup.manifest.casinos] == [("Gamma", ""), ("Delta", "")]
    assert backup.manifest.is_complete
    assert read_installation_backup(backup.folder) == backup
    for casino in (gamma, delta):
        assert read_backup(backup.folder_of(casino.pk)).manifest.identity == casino.identity


def test_only_the_owner_can_read_a_backup(gamma, settings):
    folder = back_up_installation().folder
    for path in (settings.BACKUP_DIR, settings.BACKUP_DIR / "installation", folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_casino_that_fails_does_not_stop_the_others_and_the_backup_says_that_it_is_incomplete(gamma, delta):
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(gamma.db_name)} WITH (FORCE)")
    manifest = back_up_installation().manifest
    assert not manifest.is_complete
    [missing] = manifest.missing
    assert missing.casino_id == gamma.pk
    assert f'database "{gamma.db_name}" does not exist' in missing.problem
    assert [entry.name for entry in manifest.casinos if not entry.problem] == ["Delta"]


def test_busy_casino_is_missing_in_the_backup(gamma, delta, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    with casino_lock(gamma.pk):
        [missing] = back_up_installation().manifest.missing
    assert missing.name == "Gamma"
    assert "Another process has been working on casino" in missing.problem


def test_two_backups_of_the_installation_at_once_are_refused(gamma, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    with backup_lock(), pytest.raises(CasinoBusy, match="the backup of the installation"):
        back_up_installation()


def test_casinos_backups_in_it_are_listed_with_the_casinos_own(gamma):
    own = back_up(gamma)
    whole = back_up_installation()
    assert [backup.folder for backup in backups_of(gamma)] == [whole.folder_of(gamma.pk), own.folder]
    assert installation_backups() == [whole]


def test_full_disk_ends_with_the_reason_and_leaves_nothing_behind(gamma, settings):
    with full_disk(10_000), pytest.raises(CopyFailed, match=r"catalogue\.dump can't be written: File too large"):
        back_up_installation()
    with full_disk(10_000), pytest.raises(CopyFailed, match=r"database\.dump can't be written: File too large"):
        back_up(gamma)
    assert [path for path in settings.BACKUP_DIR.rglob("*") if path.is_file()] == []
    assert (partial_backups(), installation_backups(), backups_of(gamma)) == ([], [], [])


def test_killed_backup_is_reported_by_the_doctor_unless_it_is_still_running(gamma, settings):
    folder = settings.BACKUP_DIR / "installation" / "noon.partial" / "casinos"
    folder.mkdir(parents=True)
    with backup_lock():
        assert "partial_backup" not in [finding.code for finding in examine()]
    assert "partial_backup" in [finding.code for finding in examine()]
    back_up_installation()
    assert partial_backups() == []


@pytest.mark.parametrize("change", [{"format": 2}, {"casinos": None}])
def test_backup_of_another_format_is_refused(gamma, change):
    folder = back_up_installation().folder
    rewrite_manifest(folder, **change)
    with pytest.raises(BackupInvalid):
        read_installation_backup(folder)
    assert installation_backups() == []
