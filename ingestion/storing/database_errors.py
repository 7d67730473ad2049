"""What a database error means for the messages that ran into it."""

from enum import Enum

from django.db import DataError, Error, InterfaceError, OperationalError
from django.db.transaction import TransactionManagementError

from tenants.errors import CasinoOutage


class DatabaseErrorKind(Enum):
    CONFLICT = "conflict"  # with another transaction: the same again may succeed
    OUTAGE = "outage"  # this casino's database can't be written to at present; no message is at fault
    BAD_ROW = "bad row"  # PostgreSQL refuses what one of the messages says
    UNKNOWN = "unknown"


# SQLSTATE, or its class (the first two characters): https://www.postgresql.org/docs/current/errcodes-appendix.html
_FAULTS = {
    "40001": DatabaseErrorKind.CONFLICT,  # serialization_failure
    "40P01": DatabaseErrorKind.CONFLICT,  # deadlock_detected
    "08": DatabaseErrorKind.OUTAGE,  # connection exception
    "25006": DatabaseErrorKind.OUTAGE,  # read_only_sql_transaction: a standby, or a casino that moves
    "25P03": DatabaseErrorKind.OUTAGE,  # idle_in_transaction_session_timeout
    "28": DatabaseErrorKind.OUTAGE,  # the login is refused
    "3D": DatabaseErrorKind.OUTAGE,  # there is no such database
    "3F": DatabaseErrorKind.OUTAGE,  # there is no such schema
    "42": DatabaseErrorKind.OUTAGE,  # no such table, no permission: the database is not what the code expects
    "53": DatabaseErrorKind.OUTAGE,  # disk full, out of memory, too many connections
    "0A": DatabaseErrorKind.OUTAGE,  # a plan that a migration has made useless
    "54": DatabaseErrorKind.BAD_ROW,  # a limit of PostgreSQL's, as on the size of an index's row
    "55": DatabaseErrorKind.OUTAGE,  # no lock after INGESTION_LOCK_SECONDS; the database takes no connections
    "57": DatabaseErrorKind.OUTAGE,  # shut down, still starting, query cancelled by a time-out
    "58": DatabaseErrorKind.OUTAGE,  # system error
    "XX": DatabaseErrorKind.OUTAGE,  # internal error, damaged data
    "22": DatabaseErrorKind.BAD_ROW,  # data exception
    "23": DatabaseErrorKind.BAD_ROW,  # integrity constraint violation
    "44": DatabaseErrorKind.BAD_ROW,  # WITH CHECK OPTION violation
    "P0": DatabaseErrorKind.BAD_ROW,  # an exception that a trigger raises
}


def sqlstate_of(error: BaseException) -> str:
    """PostgreSQL's code of the error; empty where it gave none, as on a connection that broke."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def first_line(error: BaseException) -> str:
    """What the error says; what follows (DETAIL) may hold the row."""
    return str(error).strip().partition("\n")[0]


def classify(error: Error) -> DatabaseErrorKind:
    if isinstance(error, CasinoOutage | InterfaceError):
        return DatabaseErrorKind.OUTAGE
    sqlstate = sqlstate_of(error)
    if not sqlstate:
        return _without_sqlstate(error)
    return _FAULTS.get(sqlstate) or _FAULTS.get(sqlstate[:2]) or DatabaseErrorKind.UNKNOWN


def _without_sqlstate(error: Error) -> DatabaseErrorKind:
    """What the client says by itself: a connection that fails is an OperationalError, a value that it can't send a
    DataError. Django says TransactionManagementError when even a savepoint could not be rolled back: then the
    connection is gone, and no message is at fault."""
    if isinstance(error, OperationalError | TransactionManagementError):
        return DatabaseErrorKind.OUTAGE
    return DatabaseErrorKind.BAD_ROW if isinstance(error, DataError) else DatabaseErrorKind.UNKNOWN
