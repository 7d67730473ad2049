"""Deletes old attributions and users' days."""

from datetime import date

from tenants.routing.connections import query

# Concurrent calls prune different rows, without waiting.
_PRUNE = """
WITH old AS (SELECT {key} FROM {table} WHERE day < %s ORDER BY day LIMIT %s FOR UPDATE SKIP LOCKED),
pruned AS (DELETE FROM {table} USING old WHERE {table}.{key} = old.{key} RETURNING 1)
SELECT count(*) FROM pruned
"""
_TABLES = {"attributions": "coupon_id", "user_days": "id"}


def prune_user_days(before: date, limit: int) -> int:
    """Delete the oldest rows of days before this one, at most `limit` of each table. Returns the larger number."""
    counts = [query(_PRUNE.format(table=table, key=key), [before, limit]) for table, key in _TABLES.items()]
    return max(int(count) for [(count,)] in counts)
