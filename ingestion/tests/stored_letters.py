"""The stored dead letters of all casinos and of the catalogue."""

from typing import Any

import msgspec

from ingestion.dead_letters.content import envelope_of
from ingestion.dead_letters.tables import DeadLetterQuery, in_each_table
from ingestion.messages.envelope import Envelope


class StoredLetter(msgspec.Struct):
    """A dead letter's id, casino (the table's; in the catalogue the casino id in the message), row and message."""

    id: str
    casino_id: int | None
    row: Any
    message: Envelope

    @property
    def reason(self) -> str:
        return str(self.row.reason)


def stored_letters(**conditions: Any) -> list[StoredLetter]:
    """The open dead letters, or those that match the conditions, in the order of their rejection."""

    def read(table: Any, letters: Any) -> list[StoredLetter]:
        return [
            StoredLetter(
                str(table.id_of(letter)),
                letter.casino_id if table.casino is None else table.casino_id,
                letter,
                envelope_of(letter),
            )
            for letter in letters.order_by("pk")
        ]

    parts = in_each_table(DeadLetterQuery(**conditions), read, _fail)
    return sorted((each for part in parts for each in part), key=lambda each: each.row.rejected_at)


def _fail(problem: str) -> None:
    raise AssertionError(problem)
