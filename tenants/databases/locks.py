"""Installation-wide locks: PostgreSQL's advisory locks, in the catalogue."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from django.conf import settings
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from tenants.current_casino import MAIN
from tenants.errors import CasinoBusy, DirectConnectionRequired
from tenants.postgresql import pooler

from .servers import server_cursor

_SEED = 7_203_114  # any fixed number: seeds the hash of a lock's name, which is its key
_NO_LOCK_IN_TIME = "55P03"
_BACKUP = "the backup of the installation"


@contextmanager
def named_lock(name: str, *, wait: float | None = None, db_name: str | None = None) -> Iterator[CursorWrapper]:
    """Hold this lock, and yield a cursor in the lock's database, by default the catalogue. The lock is released at the
    end of the block, also by a crash.

    Waits `wait` seconds (None: without limit), then raises CasinoBusy.
    """
    with server_cursor(db_name) as cursor:
        _take(cursor, name, wait)
        yield cursor  # closing the connection releases the lock


class CasinoLocks:
    """Takes the locks of many casinos in turn, on one connection. Not thread-safe."""

    def __init__(self) -> None:
        self._connection = ExitStack()
        self._cursor: CursorWrapper | None = None

    @contextmanager
    def hold(self, casino_id: int) -> Iterator[None]:
        """Like `casino_lock`. Raises CasinoBusy."""
        if self._cursor is None:
            self._cursor = self._connection.enter_context(server_cursor())
        try:
            _take(self._cursor, f"casino {casino_id}", settings.CASINO_LOCK_SECONDS)
            yield
            self._cursor.execute("SELECT pg_advisory_unlock_all()")
        except BaseException:
            self.close()  # releases the lock in any case; the next one is taken on a new connection
            raise

    def close(self) -> None:
        self._cursor = None
        self._connection.close()


def catalogue_lock() -> AbstractContextManager[CursorWrapper]:
    """The lock of the catalogue's migration and of placing databases on servers."""
    return named_lock("catalogue")


@contextmanager
def template_lock(server: str = MAIN) -> Iterator[CursorWrapper]:
    """Hold the lock of a server's template, and yield a cursor on that server: a template with an open session can't be
    copied."""
    with named_lock(f"template on {server}") as cursor:
        if server == MAIN:
            yield cursor
        else:
            with server_cursor(server=server) as on_server:
                yield on_server


def casino_lock(casino_id: int) -> AbstractContextManager[CursorWrapper]:
    """The lock of creating, copying, moving, migrating or deleting this casino. Raises CasinoBusy."""
    return named_lock(f"casino {casino_id}", wait=settings.CASINO_LOCK_SECONDS)


def backup_lock() -> AbstractContextManager[CursorWrapper]:
    """The lock of a backup of the whole installation. Raises CasinoBusy."""
    return named_lock(_BACKUP, wait=settings.CASINO_LOCK_SECONDS)


def is_backup_running() -> bool:
    """Whether the backup lock is held at this moment."""
    with server_cursor() as cursor:  # the end of the statement releases a lock taken here
        cursor.execute("SELECT NOT pg_try_advisory_xact_lock(hashtextextended(%s, %s))", [_BACKUP, _SEED])
        return bool(cursor.fetchone()[0])


def restore_lock() -> AbstractContextManager[CursorWrapper]:
    """The lock of restoring a whole installation, in the database `postgres`: there is no catalogue yet. Raises
    CasinoBusy."""
    return named_lock("the restore of the installation", wait=settings.CASINO_LOCK_SECONDS, db_name="postgres")


def busy_casinos(casino_ids: Iterable[int]) -> set[int]:
    """Those of these casinos whose lock is held now."""
    with server_cursor() as cursor:  # the end of the statement releases locks taken here
        cursor.execute(
            "SELECT id FROM unnest(%s::bigint[]) AS ids (id)"
            " WHERE NOT pg_try_advisory_xact_lock(hashtextextended('casino ' || id, %s))",
            [list(casino_ids), _SEED],
        )
        return {casino_id for (casino_id,) in cursor.fetchall()}


def _take(cursor: CursorWrapper, name: str, wait: float | None) -> None:
    if MAIN in pooler.found and not settings.DIRECT_DATABASE:
        raise DirectConnectionRequired(
            f"No lock of {name} holds through the connection pooler of DATABASE_URL: set DATABASE_DIRECT_URL to the "
            "address of the server itself (of a pooler in session mode: to the same URL)."
        )
    if wait is not None:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(wait * 1000)}ms"])
    try:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, %s))", [name, _SEED])
    except OperationalError as error:
        if wait is None or getattr(error.__cause__, "sqlstate", None) != _NO_LOCK_IN_TIME:
            raise
        raise CasinoBusy(f"Another process has been working on {name} for over {wait:g} s; try again later.") from error
