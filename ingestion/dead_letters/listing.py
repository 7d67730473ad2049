"""Lists dead letters of all casinos, and shows one."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import msgspec
from django.db.models import Count

from ingestion.errors import NoSuchDeadLetter
from tenants.models.dead_letter import DeadLetterColumns, DeadLetterState, UnassignedDeadLetter

from .content import envelope_of, readable
from .tables import CONTENT, DeadLetterQuery, LetterId, Letters, LetterTable, in_each_table, tables_of


class LetterSummary(msgspec.Struct):
    """A dead letter without its content. `casino_id` is the casino id in the message, if it has one."""

    id: str
    casino_id: int | None
    topic: str
    place: str
    reason: str
    field: str
    detail: str
    sqlstate: str
    attempts: int
    rejected_at: datetime
    size: int
    replays: int
    state: str


class ShownLetter(LetterSummary):
    """A dead letter with its readable message. A purged one has no message any more."""

    key: str | None
    headers: list[tuple[str, str | None]]
    value: str | None


class Listing(msgspec.Struct):
    """The latest dead letters, the latest last, and the number of all by reason."""

    letters: list[LetterSummary]
    reasons: Counter[str]


def list_letters(query: DeadLetterQuery, limit: int | None, on_unavailable: Callable[[str], object]) -> Listing:
    def list_table(table: LetterTable, letters: Letters) -> Listing:
        counted = letters.order_by().values_list("reason").annotate(Count("pk"))
        latest = letters.defer(*CONTENT).reverse()[:limit]
        return Listing([_summary_of(table, letter) for letter in latest], Counter(dict(counted)))

    found = in_each_table(query, list_table, on_unavailable)
    letters = sorted((each for part in found for each in part.letters), key=lambda each: (each.rejected_at, each.id))
    reasons = sum((part.reasons for part in found), Counter[str]())
    return Listing(letters if limit is None else letters[-limit:], reasons)


def show_letter(letter_id: LetterId) -> ShownLetter:
    """A dead letter of any state. Raises NoSuchDeadLetter, DatabaseError."""
    query = DeadLetterQuery(ids=(letter_id,), states=tuple(DeadLetterState))
    for table in tables_of(query):
        with table.select(query) as letters:
            letter = letters.first()
        if letter is not None:
            envelope = envelope_of(letter)
            headers = [(name, readable(value)) for name, value in envelope.headers or ()]
            summary = msgspec.structs.asdict(_summary_of(table, letter))
            return ShownLetter(**summary, key=readable(envelope.key), headers=headers, value=readable(envelope.value))
    raise NoSuchDeadLetter(f"There is no dead letter {letter_id}. List them with `manage.py dead_letters list`.")


def _summary_of(table: LetterTable, letter: DeadLetterColumns) -> LetterSummary:
    columns = {name: getattr(letter, name) for name in LetterSummary.__struct_fields__[2:]}
    casino_id = letter.casino_id if isinstance(letter, UnassignedDeadLetter) else table.casino_id
    return LetterSummary(id=str(table.id_of(letter)), casino_id=casino_id, **columns)
