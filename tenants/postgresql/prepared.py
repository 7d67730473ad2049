"""Statements that a connection plans once."""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus


class PreparedCursor(psycopg.Cursor[Any]):
    """Prepares what it executes. Planning a query of a few joins takes longer than to run it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PreparedCursor":
        try:
            return super().execute(query, params, prepare=True, **options)
        except psycopg.errors.FeatureNotSupported:
            # What was planned answers in other types since a migration; within a transaction it is too late.
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            self.connection.execute("DEALLOCATE ALL")
            return super().execute(query, params, prepare=True, **options)
