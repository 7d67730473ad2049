"""New natural keys, and the groups of rows that become one by them."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from .database import Database

_CREATE = "CREATE TEMPORARY TABLE new_keys (id bigint PRIMARY KEY, key uuid NOT NULL)"
_ADD = "INSERT INTO new_keys SELECT * FROM unnest(%s::bigint[], %s::uuid[])"
# Rows of ASCII text may have the key already.
_ADD_PRESENT = """
INSERT INTO new_keys SELECT id, natural_key FROM {table} WHERE natural_key IN (SELECT key FROM new_keys)
ON CONFLICT (id) DO NOTHING
"""
# The latest row first: its values are those that stay.
_GROUPS = """
SELECT array_agg(id ORDER BY timestamp DESC NULLS LAST, id) AS ids FROM new_keys JOIN {table} USING (id)
GROUP BY key HAVING count(*) > 1 ORDER BY min(id)
"""
_STORE = """
UPDATE {table} AS stored SET natural_key = new_keys.key FROM new_keys
WHERE stored.id = new_keys.id AND stored.natural_key <> new_keys.key
"""


class NewKeys:
    """The new keys of a table's rows, in a temporary table: there may be millions."""

    def __init__(self, database: Database, table: str) -> None:
        self._database, self._table = database, table
        database.run(_CREATE)

    def add(self, keys: Iterable[tuple[int, UUID]]) -> None:
        ids, values = zip(*keys, strict=True) if keys else ((), ())
        self._database.run(_ADD, list(ids), list(values))

    def groups(self) -> Iterator[tuple[int, list[int]]]:
        """The row that stays, and the others of the same key."""
        self._database.run(_ADD_PRESENT.format(table=self._table))
        for row in self._database.rows(_GROUPS.format(table=self._table)):
            kept, *others = row["ids"]
            yield kept, others

    def store(self) -> None:
        """Store the keys, once the others of each group are deleted. No row's new key is another's present one: that
        row's new key would be the same."""
        self._database.run(_STORE.format(table=self._table))
        self._database.run("DROP TABLE new_keys")
