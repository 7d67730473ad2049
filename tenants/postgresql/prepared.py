"""Statements that a connection plans once."""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus


class PreparedCursor(psycopg.Cursor[Any]):
    """Prepares its statements. Planning a query of a few joins takes longer than running it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PreparedCursor":
        try:
            return super().execute(query, params, prepare=True, **options)
        except psycopg.errors.FeatureNotSupported:
            # A migration changed the types of a planned result; within a transaction it is too late to replan.
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            self.connection.execute("DEALLOCATE ALL")
            return super().execute(query, params, prepare=True, **options)
