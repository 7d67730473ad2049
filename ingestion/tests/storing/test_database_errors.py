"""SQLSTATEs and their kinds of database errors."""

import pytest
from django.db import DatabaseError, Error, transaction
from django.db.utils import DataError, IntegrityError, InterfaceError, InternalError, OperationalError, ProgrammingError

from ingestion.storing.database_errors import DatabaseErrorKind, classify, sqlstate_of
from tenants.errors import CasinoNotUpgraded, NoFreeConnection, WrongDatabase


class DriverError(Exception):
    def __init__(self, sqlstate):
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def error_of(sqlstate, kind=DatabaseError):
    error = kind("refused")
    error.__cause__ = DriverError(sqlstate)
    return error


@pytest.mark.parametrize(
    ("kind", "sqlstates"),
    [
        (DatabaseErrorKind.CONFLICT, "40001 40P01"),
        (
            DatabaseErrorKind.OUTAGE,
            "08000 08003 08006 08001 08P01 25006 25P03 28000 28P01 3D000 3F000 42P01 42703 42501 42601",
        ),
        (
            DatabaseErrorKind.OUTAGE,
            "53000 53100 53200 53300 53400 55P03 57014 57000 57P01 57P02 57P03 57P04 57P05 0A000 55000 55006",
        ),
        (DatabaseErrorKind.OUTAGE, "58000 58030 XX000 XX001 XX002"),
        (
            DatabaseErrorKind.BAD_ROW,
            "22001 22003 22007 22008 22021 22P02 22P05 23502 23503 23505 23514 23P01 44000 54000 P0001 P0002",
        ),
        (DatabaseErrorKind.UNKNOWN, "25P02 25001 2D000 F0000 HV000 99999"),
    ],
)
def test_each_sqlstate_has_its_kind(kind, sqlstates):
    assert {sqlstate: classify(error_of(sqlstate)) for sqlstate in sqlstates.split()} == dict.fromkeys(
        sqlstates.split(), kind
    )


@pytest.mark.parametrize("error", [NoFreeConnection("busy"), WrongDatabase("b's"), CasinoNotUpgraded("behind")])
def test_casino_outage_is_an_outage(error):
    assert (classify(error), sqlstate_of(error)) == (DatabaseErrorKind.OUTAGE, "")


@pytest.mark.parametrize(
    ("error_class", "kind"),
    [
        (OperationalError, DatabaseErrorKind.OUTAGE),
        (InterfaceError, DatabaseErrorKind.OUTAGE),
        (DataError, DatabaseErrorKind.BAD_ROW),
        (transaction.TransactionManagementError, DatabaseErrorKind.OUTAGE),
        (ProgrammingError, DatabaseErrorKind.UNKNOWN),
        (InternalError, DatabaseErrorKind.UNKNOWN),
        (IntegrityError, DatabaseErrorKind.UNKNOWN),
        (Error, DatabaseErrorKind.UNKNOWN),
    ],
)
def test_error_without_sqlstate_is_classified_by_its_class(error_class, kind):
    assert classify(error_class("no SQLSTATE")) is kind
