"""Classifies database errors by their cause: another transaction, the database, or a message."""

from enum import Enum

from django.db import DataError, Error, InterfaceError, OperationalError
from django.db.transaction import TransactionManagementError

from tenants.errors import CasinoOutage, NoAnswer, ServerSilent


class DatabaseErrorKind(Enum):
    CONFLICT = "conflict"  # another transaction interferes: a retry may succeed
    OUTAGE = "outage"  # the casino's database can't be written to now; no message is the cause
    BAD_ROW = "bad row"  # PostgreSQL refuses the row of one message
    UNKNOWN = "unknown"


# SQLSTATE, or its class (the first two characters): https://www.postgresql.org/docs/current/errcodes-appendix.html
_KINDS = {
    "40001": DatabaseErrorKind.CONFLICT,  # serialization_failure
    "40P01": DatabaseErrorKind.CONFLICT,  # deadlock_detected
    "08": DatabaseErrorKind.OUTAGE,  # connection exception
    "25006": DatabaseErrorKind.OUTAGE,  # read_only_sql_transaction: a standby, or a casino that moves
    "25P03": DatabaseErrorKind.OUTAGE,  # idle_in_transaction_session_timeout
    "26": DatabaseErrorKind.OUTAGE,  # invalid_sql_statement_name: a prepared statement that a pooler lost
    "28": DatabaseErrorKind.OUTAGE,  # invalid authorization
    "3D": DatabaseErrorKind.OUTAGE,  # invalid_catalog_name: no such database
    "3F": DatabaseErrorKind.OUTAGE,  # invalid_schema_name: no such schema
    "42": DatabaseErrorKind.OUTAGE,  # no such table, no permission: the schema is not the expected one
    "53": DatabaseErrorKind.OUTAGE,  # disk full, out of memory, too many connections
    "0A": DatabaseErrorKind.OUTAGE,  # feature_not_supported: a cached plan that a migration invalidated
    "54": DatabaseErrorKind.BAD_ROW,  # program limit exceeded: an index row too large
    "55": DatabaseErrorKind.OUTAGE,  # lock_timeout after INGESTION_LOCK_SECONDS; database not accepting connections
    "57": DatabaseErrorKind.OUTAGE,  # shut down, starting up, statement_timeout
    "58": DatabaseErrorKind.OUTAGE,  # system error
    "XX": DatabaseErrorKind.OUTAGE,  # internal error, damaged data
    "22": DatabaseErrorKind.BAD_ROW,  # data exception
    "23": DatabaseErrorKind.BAD_ROW,  # integrity constraint violation
    "44": DatabaseErrorKind.BAD_ROW,  # WITH CHECK OPTION violation
    "P0": DatabaseErrorKind.BAD_ROW,  # raise_exception, by a trigger
}


_MAX_LINE = 300
_QUERY_CANCELED = "57014"  # statement_timeout


def sqlstate_of(error: BaseException) -> str:
    """The error's SQLSTATE; empty if it has none, as when the connection broke."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def first_line(error: BaseException) -> str:
    """The first line of the error's message, without DETAIL, which may contain the row. Shortened: a trigger's message
    may have any length, and every parked message carries it."""
    line = str(error).strip().partition("\n")[0]
    return line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]}.."


def is_out_of_time(error: BaseException) -> bool:
    """Whether a statement ended because it took too long: the server ended it, or the client of a server that
    answers."""
    is_given_up = isinstance(error, NoAnswer) and not isinstance(error, ServerSilent)
    return is_given_up or sqlstate_of(error) == _QUERY_CANCELED


def classify(error: Error) -> DatabaseErrorKind:
    if isinstance(error, CasinoOutage | InterfaceError):
        return DatabaseErrorKind.OUTAGE
    sqlstate = sqlstate_of(error)
    if not sqlstate:
        return _without_sqlstate(error)
    return _KINDS.get(sqlstate) or _KINDS.get(sqlstate[:2]) or DatabaseErrorKind.UNKNOWN


def _without_sqlstate(error: Error) -> DatabaseErrorKind:
    """The kind of a client-side error. A failed connection raises OperationalError, and a value that can't be sent
    DataError. Django raises TransactionManagementError if a savepoint can't be rolled back: the connection is lost."""
    if isinstance(error, OperationalError | TransactionManagementError):
        return DatabaseErrorKind.OUTAGE
    return DatabaseErrorKind.BAD_ROW if isinstance(error, DataError) else DatabaseErrorKind.UNKNOWN
