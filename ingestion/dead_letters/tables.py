"""The tables of dead letters, each casino's and the catalogue's, and queries across all of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any, Self, TypeVar

import msgspec
from django.db import Error
from django.db.models import Q, QuerySet

from ingestion.errors import NoSuchDeadLetter
from ingestion.models import DeadLetter
from tenants.models import Casino
from tenants.models.dead_letter import DeadLetterColumns, DeadLetterState, UnassignedDeadLetter
from tenants.numbers import parse_id
from tenants.routing.context import use_casino
from tenants.schema.version import require_up_to_date

UNKNOWN = "unknown"  # stands in an id for an unknown casino
CONTENT = ("key", "value", "headers")

Letters = QuerySet[Any]
Result = TypeVar("Result")


class LetterId(msgspec.Struct, frozen=True):
    """The id of a dead letter in commands: `3/17` in the database of casino 3, `unknown/17` in the catalogue."""

    casino_id: int | None
    number: int

    def __str__(self) -> str:
        return f"{UNKNOWN if self.casino_id is None else self.casino_id}/{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The id in a text. Raises NoSuchDeadLetter."""
        casino, _, number = text.partition("/")
        casino_id, parsed = parse_id(casino), parse_id(number)
        if parsed is None or (casino_id is None and casino != UNKNOWN):
            raise NoSuchDeadLetter(f"{text!r} is not the id of a dead letter: use one such as 3/17 or {UNKNOWN}/17.")
        return cls(casino_id, parsed)


class DeadLetterQuery(msgspec.Struct, frozen=True):
    """Selects dead letters by topic, casino, reason, time, id and state; None or empty matches any."""

    topic: str | None = None
    casino_id: int | None = None
    reason: str | None = None
    before: datetime | None = None
    ids: tuple[LetterId, ...] = ()
    states: tuple[DeadLetterState, ...] = (DeadLetterState.OPEN,)


class LetterTable(msgspec.Struct, frozen=True):
    """The table of dead letters of a casino, or of the catalogue (None)."""

    casino: Casino | None

    @property
    def casino_id(self) -> int | None:
        return None if self.casino is None else self.casino.pk

    def id_of(self, letter: DeadLetterColumns) -> LetterId:
        return LetterId(self.casino_id, letter.pk)

    @contextmanager
    def select(self, query: DeadLetterQuery) -> Iterator[Letters]:
        """Yield the matching dead letters, the oldest first. The queryset is usable inside the block."""
        with nullcontext() if self.casino is None else use_casino(self.casino.current):
            letters = UnassignedDeadLetter.objects if self.casino is None else DeadLetter.objects
            yield letters.filter(self._conditions(query)).order_by("rejected_at", "pk")

    def _conditions(self, query: DeadLetterQuery) -> Q:
        conditions = Q(state__in=query.states)
        if query.topic is not None:
            conditions &= Q(topic=query.topic)
        if query.reason is not None:
            conditions &= Q(reason=query.reason)
        if query.before is not None:
            conditions &= Q(rejected_at__lt=query.before)
        if query.ids:
            conditions &= Q(pk__in=[each.number for each in query.ids if each.casino_id == self.casino_id])
        if query.casino_id is not None and self.casino is None:
            conditions &= Q(casino_id=query.casino_id)
        return conditions


def tables_of(query: DeadLetterQuery) -> list[LetterTable]:
    """The tables that may have such dead letters: those of casinos with a complete database, then the catalogue's."""
    casinos = Casino.objects.ready().order_by("pk")
    if query.casino_id is not None:
        casinos = casinos.filter(pk=query.casino_id)
    named = {each.casino_id for each in query.ids}
    if named:
        casinos = casinos.filter(pk__in=[each for each in named if each is not None])
    catalogue = [LetterTable(None)] if not named or None in named else []
    return [*map(LetterTable, casinos), *catalogue]


def in_each_table(
    query: DeadLetterQuery, run: Callable[[LetterTable, Letters], Result], on_unavailable: Callable[[str], object]
) -> list[Result]:
    """The result of `run` for each table, with its matching dead letters. For each casino with an unavailable database,
    `on_unavailable` gets the reason."""
    results = []
    for table in tables_of(query):
        try:
            if table.casino is not None:
                require_up_to_date(table.casino)
            with table.select(query) as letters:
                results.append(run(table, letters))
        except Error as error:
            if table.casino is None:
                raise
            on_unavailable(f"{table.casino} is left out: {str(error).strip()}")
    return results
