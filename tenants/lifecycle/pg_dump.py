"""Copies, dumps and loads whole databases with pg_dump and pg_restore.

A dump is one consistent snapshot; the database stays in use.
"""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from psycopg import sql

from tenants.databases.servers import database_settings, server_cursor
from tenants.errors import CopyFailed
from tenants.models import CasinoDatabase
from tenants.postgresql.tools import connection_arguments, tool_path

from .files import new_file
from .states import Report

_CHUNK = 1 << 20
_REPORT_EVERY = 64  # chunks
_DUMP = ("--format=custom", "--no-owner", "--no-privileges")
_LOAD = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")


def copy_database(source: CasinoDatabase, target: CasinoDatabase, report: Report) -> None:
    """Copy all of `source` into the empty database `target`. Raises CopyFailed."""
    report(f"copying {source} to {target}")
    with _dumping(source) as dump, _loading(target) as load:
        _copy_bytes(dump, load, f"copying {source} to {target}", report)
    analyse(target)


def dump_database(source: CasinoDatabase, path: Path, report: Report, *, without_rows_of: Iterable[str] = ()) -> None:
    """Write `source` into a new file, in pg_dump's custom format; of the tables `without_rows_of` only the definition.
    Raises CopyFailed."""
    report(f"dumping {source}")
    options = [f"--exclude-table-data={table}" for table in without_rows_of]
    with _dumping(source, *options) as dump, new_file(path) as file:
        _copy_bytes(dump, file, f"dumping {source}", report)


def load_database(path: Path, target: CasinoDatabase, report: Report) -> None:
    """Load a dump into the empty database `target`. Raises CopyFailed."""
    report(f"loading {target}")
    with path.open("rb") as file, _loading(target) as load:
        _copy_bytes(file, load, f"loading {target}", report)
    analyse(target)


def check_equal(source: CasinoDatabase, target: CasinoDatabase) -> None:
    """Raises CopyFailed unless each table has the same number of rows in both. No session may write meanwhile."""
    old, new = _row_counts(source), _row_counts(target)
    differing = sorted(table for table in old.keys() | new.keys() if old.get(table) != new.get(table))
    if differing:
        counts = ", ".join(f"{table}: {old.get(table)} and {new.get(table)}" for table in differing)
        raise CopyFailed(f"{source} and {target} differ in their numbers of rows: {counts}.")


def _row_counts(database: CasinoDatabase) -> dict[str, int]:
    with server_cursor(database.db_name, server=database.server_id) as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [table for (table,) in cursor.fetchall()]
        counts = {}
        for table in tables:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", table)))
            [counts[f"public.{table}"]] = cursor.fetchone()
    return counts


def analyse(database: CasinoDatabase) -> None:
    """Collect the planner's statistics."""
    with server_cursor(database.db_name, server=database.server_id) as cursor:
        cursor.execute("ANALYZE")


def _copy_bytes(source: IO[bytes], target: IO[bytes], doing: str, report: Report) -> None:
    for number, chunk in enumerate(iter(lambda: source.read(_CHUNK), b""), start=1):
        try:
            target.write(chunk)
        except BrokenPipeError:
            return  # the loader failed; `_running` raises its exit status and error output
        if number % _REPORT_EVERY == 0:
            report(f"{doing}: {number * _CHUNK // 1_000_000:,} MB")


@contextmanager
def _dumping(source: CasinoDatabase, *options: str) -> Iterator[IO[bytes]]:
    with _running("pg_dump", (*_DUMP, *options), source, stdout=subprocess.PIPE) as process:
        yield process.stdout


@contextmanager
def _loading(target: CasinoDatabase) -> Iterator[IO[bytes]]:
    with _running("pg_restore", _LOAD, target, stdin=subprocess.PIPE) as process:
        yield process.stdin


@contextmanager
def _running(tool: str, options: tuple[str, ...], database: CasinoDatabase, **pipes: Any) -> Iterator[Any]:
    """Run the program. Raises CopyFailed with its error output if it fails."""
    settings = database_settings(database.server_id, database.db_name, direct=True)
    conninfo, environment = connection_arguments(settings)
    with tempfile.TemporaryFile() as errors:
        command = [tool_path(tool), *options, "--dbname", conninfo]
        process = subprocess.Popen(command, env=environment, stderr=errors, **pipes)  # noqa: S603  # no shell, constant program
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
            errors.seek(0)
            output = errors.read().decode(errors="replace").strip()
            raise CopyFailed(f"{tool} of {database} failed with status {process.returncode}: {output}")
