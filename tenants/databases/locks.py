"""Locks that one process of the whole installation holds at a time: PostgreSQL's advisory locks, in the catalogue."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from django.conf import settings
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from tenants.current_casino import MAIN
from tenants.errors import CasinoBusy

from .servers import server_cursor

_SEED = 7_203_114  # any fixed number; the lock's key is a hash of what it is for, seeded with this
_NO_LOCK_IN_TIME = "55P03"


@contextmanager
def named_lock(name: str, *, wait: float | None = None) -> Iterator[CursorWrapper]:
    """A cursor in the catalogue that holds this lock; it is let go at the end, also by a crash.

    Waits `wait` seconds (None: as long as it takes), then raises CasinoBusy.
    """
    with server_cursor() as cursor:
        _take(cursor, name, wait)
        yield cursor  # closing the connection lets the lock go


class CasinoLocks:
    """Locks of casinos one after the other, on one connection: for who works on thousands. A thread has its own."""

    def __init__(self) -> None:
        self._connection = ExitStack()
        self._cursor: CursorWrapper | None = None

    @contextmanager
    def hold(self, casino_id: int) -> Iterator[None]:
        """What `casino_lock` does. Raises CasinoBusy."""
        if self._cursor is None:
            self._cursor = self._connection.enter_context(server_cursor())
        try:
            _take(self._cursor, f"casino {casino_id}", settings.CASINO_LOCK_SECONDS)
            yield
            self._cursor.execute("SELECT pg_advisory_unlock_all()")
        except BaseException:
            self.close()  # which lets the lock go whatever has happened; the next one is taken on a new connection
            raise

    def close(self) -> None:
        self._cursor = None
        self._connection.close()


def catalogue_lock() -> AbstractContextManager[CursorWrapper]:
    """Held by whoever migrates the catalogue, or makes places in it."""
    return named_lock("catalogue")


def template_lock(server: str = MAIN) -> AbstractContextManager[CursorWrapper]:
    """Held by whoever uses a server's template: it must not be open while it is being copied."""
    return named_lock(f"template on {server}")


def casino_lock(casino_id: int) -> AbstractContextManager[CursorWrapper]:
    """Held by whoever creates, copies, moves, migrates or deletes this casino. Raises CasinoBusy."""
    return named_lock(f"casino {casino_id}", wait=settings.CASINO_LOCK_SECONDS)


def busy_casinos(casino_ids: Iterable[int]) -> set[int]:
    """Those of these casinos that some process works on at this moment."""
    with server_cursor() as cursor:  # what is taken here is let go with the statement
        cursor.execute(
            "SELECT id FROM unnest(%s::bigint[]) AS ids (id)"
            " WHERE NOT pg_try_advisory_xact_lock(hashtextextended('casino ' || id, %s))",
            [list(casino_ids), _SEED],
        )
        return {casino_id for (casino_id,) in cursor.fetchall()}


def _take(cursor: CursorWrapper, name: str, wait: float | None) -> None:
    if wait is not None:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(wait * 1000)}ms"])
    try:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, %s))", [name, _SEED])
    except OperationalError as error:
        if wait is None or getattr(error.__cause__, "sqlstate", None) != _NO_LOCK_IN_TIME:
            raise
        raise CasinoBusy(f"Another process works on {name}, and has for {wait:g} s; try again later.") from error
