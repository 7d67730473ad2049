"""Whole databases out and in, by pg_dump and pg_restore: into another database, into a file, out of a file.

A dump is one consistent snapshot, taken while the database goes on working.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tenants.databases.servers import database_settings, server_cursor
from tenants.errors import CopyFailed
from tenants.models import CasinoDatabase
from tenants.postgresql.tools import connection_arguments, tool_path

from .states import Report

_CHUNK = 1 << 20
_REPORT_EVERY = 64  # chunks
_DUMP = ("--format=custom", "--no-owner", "--no-privileges")
_LOAD = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")


def copy_database(source: CasinoDatabase, target: CasinoDatabase, report: Report) -> None:
    """Fill the empty database `target` with what is in `source`. Raises CopyFailed."""
    report(f"copying {source} to {target}")
    with _dumping(source) as dump, _loading(target) as load:
        _pump(dump, load, f"copying {source} to {target}", report)
    analyse(target)


def dump_database(source: CasinoDatabase, path: Path, report: Report) -> None:
    """Write all of `source` into a new file, in pg_dump's custom format. Raises CopyFailed."""
    report(f"dumping {source}")
    with _dumping(source) as dump, path.open("xb") as file:
        _pump(dump, file, f"dumping {source}", report)


def load_database(path: Path, target: CasinoDatabase, report: Report) -> None:
    """Fill the empty database `target` from such a file. Raises CopyFailed."""
    report(f"loading {target}")
    with path.open("rb") as file, _loading(target) as load:
        _pump(file, load, f"loading {target}", report)
    analyse(target)


def check_equal(source: CasinoDatabase, target: CasinoDatabase) -> None:
    """Raises CopyFailed unless each table has as many rows in both; nobody may be writing meanwhile."""
    there, here = _row_counts(source), _row_counts(target)
    differing = sorted(table for table in there.keys() | here.keys() if there.get(table) != here.get(table))
    if differing:
        counts = ", ".join(f"{table}: {there.get(table)} and {here.get(table)}" for table in differing)
        raise CopyFailed(f"{source} and {target} differ in rows: {counts}.")


def _row_counts(database: CasinoDatabase) -> dict[str, int]:
    with server_cursor(database.db_name, server=database.server_id) as cursor:
        cursor.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'")
        tables = [table for (table,) in cursor.fetchall()]
        counts = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 (quoted by format)
            [counts[table]] = cursor.fetchone()
    return counts


def analyse(database: CasinoDatabase) -> None:
    """Gather the statistics without which the planner would guess."""
    with server_cursor(database.db_name, server=database.server_id) as cursor:
        cursor.execute("ANALYZE")


def _pump(source: IO[bytes], target: IO[bytes], doing: str, report: Report) -> None:
    for number, chunk in enumerate(iter(lambda: source.read(_CHUNK), b""), start=1):
        try:
            target.write(chunk)
        except BrokenPipeError:
            return  # the loader gave up; its exit status and words come at the end
        if number % _REPORT_EVERY == 0:
            report(f"{doing}: {number * _CHUNK // 1_000_000:,} MB")


@contextmanager
def _dumping(source: CasinoDatabase) -> Iterator[IO[bytes]]:
    with _running("pg_dump", _DUMP, source, stdout=subprocess.PIPE) as process:
        yield process.stdout


@contextmanager
def _loading(target: CasinoDatabase) -> Iterator[IO[bytes]]:
    with _running("pg_restore", _LOAD, target, stdin=subprocess.PIPE) as process:
        yield process.stdin


@contextmanager
def _running(tool: str, options: tuple[str, ...], database: CasinoDatabase, **pipes: Any) -> Iterator[Any]:
    """The program at work; raises CopyFailed with its own words if it ends badly."""
    settings = database_settings(database.server_id, database.db_name, direct=True)
    where, environment = connection_arguments(settings)
    with tempfile.TemporaryFile() as words:
        command = [tool_path(tool), *options, "--dbname", where]
        process = subprocess.Popen(command, env=environment, stderr=words, **pipes)  # noqa: S603 (our own arguments)
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            process.wait()
        if process.returncode:
            words.seek(0)
            said = words.read().decode(errors="replace").strip()
            raise CopyFailed(f"{tool} of {database} failed with status {process.returncode}: {said}")
