"""Removes the rows of a test, in less time than Django takes.

After a test that committed rows, Django's `flush` truncates every table of every database and creates all content types
and permissions again: a fifth of a second of processor time per test, while most tests fill five tables. After other
tests, whose rows are rolled back, it checks the constraints of all databases, used or not: with two casinos, these are
a fourth of a short test's statements.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from tenants.current_casino import MAIN
from tenants.models import DatabaseServer

# Kept tables: their rows depend on the code only, or are the row that a migration inserts and that is only incremented.
_STAYING = {"django_content_type", "auth_permission", "offer_version", "price_version"}
# The file of a table is empty if no row was written to it since it was truncated.
_FILLED = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname = ANY(%s) AND pg_relation_size(oid) > 0
"""


def empty_databases(test_case: Any) -> None:
    """Replaces Django's `TransactionTestCase._fixture_teardown`."""
    for alias in test_case._databases_names(include_mirrors=False):
        _empty(connections[alias])
        if alias == DEFAULT_DB_ALIAS:
            DatabaseServer.objects.create(name=MAIN)  # the row that a migration inserts


def roll_back(test_case: Any) -> None:
    """Replaces Django's `TestCase._fixture_teardown`."""
    try:
        for alias in reversed(test_case._databases_names()):
            check_constraints(connections[alias])
    finally:
        test_case._rollback_atomics(test_case.atomics)


def check_constraints(connection: BaseDatabaseWrapper) -> None:
    """Raises IntegrityError for rows of this transaction that refer to missing rows."""
    if connection.connection is None or connection.needs_rollback:
        return
    if connection.connection.info.transaction_status == TransactionStatus.INTRANS:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _empty(connection: BaseDatabaseWrapper) -> None:
    tables = set(connection.introspection.django_table_names()) - _STAYING
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(_FILLED, [sorted(tables)])
        filled = [connection.ops.quote_name(name) for (name,) in cursor.fetchall()]
        if filled:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")
