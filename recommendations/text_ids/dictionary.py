"""Assigns numbers to text ids, and looks up both, in the current casino's database.

An assignment never changes, not even when the row is removed. Nothing is cached: a database may be restored or set
back.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from recommendations.validation.own_ids import FIRST_TEXT_ID, MAX_OWN_ID, OwnId
from tenants.numbers import parse_id
from tenants.routing.connections import execute, query


class Kind(StrEnum):
    """The table that contains the rows with these ids."""

    USERS = "users"
    EVENTS = "events"
    COUPONS = "purchased_coupons"


TextOf = tuple[Kind, str]

# Sorted, so that concurrent transactions can't deadlock. The insertion waits for one that assigns the same text.
_ASSIGN = """
INSERT INTO text_ids (kind, text)
SELECT kind, text FROM unnest(%s::text[], %s::text[]) AS wanted(kind, text)
WHERE NOT EXISTS (SELECT FROM text_ids AS known WHERE known.kind = wanted.kind AND known.text = wanted.text)
ORDER BY kind, text ON CONFLICT (kind, text) DO NOTHING
"""
_FIND = """
SELECT known.kind, known.text, known.id
FROM unnest(%s::text[], %s::text[]) AS wanted(kind, text)
JOIN text_ids AS known ON known.kind = wanted.kind AND known.text = wanted.text
"""
_TEXTS = "SELECT id, text FROM text_ids WHERE id = ANY(%s)"


def assign(pairs: Collection[TextOf]) -> dict[TextOf, int]:
    """The number of each text; texts without one get a new number. Concurrent transactions get the same numbers."""
    execute(_ASSIGN, _columns(sorted(pairs)))
    return find(pairs)


def find(pairs: Iterable[TextOf]) -> dict[TextOf, int]:
    """The numbers of these texts; texts without one are left out."""
    return {(Kind(kind), text): number for kind, text, number in query(_FIND, _columns(pairs))}


def id_of(kind: Kind, own: OwnId) -> int | None:
    """The stored id for the casino's own id; None for an unknown text."""
    return own if isinstance(own, int) else ids_of(kind, [own]).get(own)


def ids_of(kind: Kind, texts: Iterable[str]) -> dict[str, int]:
    """The stored ids for these texts; unknown texts are left out."""
    listed = list(texts)
    generated = {text: number for text in listed if (number := generated_id(text)) is not None}
    return generated | {text: number for (_, text), number in find((kind, text) for text in listed).items()}


def generated_id(text: str) -> int | None:
    """The number in the text, if a table's sequence may have assigned it to a row without an id; else None."""
    number = parse_id(text)
    return number if number is not None and MAX_OWN_ID < number < FIRST_TEXT_ID else None


def texts_of(ids: Iterable[int]) -> dict[int, str]:
    """The texts for which these ids stand; other ids are left out."""
    numbers = [each for each in ids if is_text_id(each)]
    return dict(query(_TEXTS, [numbers])) if numbers else {}


def own_id_of(stored: int) -> OwnId:
    """The casino's own id for a stored id."""
    return texts_of([stored]).get(stored, stored)


def with_own_ids(rows: Any) -> Any:
    """Stored rows in JSON form, with texts in place of the numbers that stand for them."""
    texts = texts_of(_numbers(rows))
    return _replaced(rows, texts) if texts else rows


def _numbers(part: Any) -> Iterator[int]:
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from _numbers(each)
    elif isinstance(part, int):
        yield part


def _replaced(part: Any, texts: Mapping[int, str]) -> Any:
    if isinstance(part, dict):
        return {name: _replaced(each, texts) for name, each in part.items()}
    if isinstance(part, list):
        return [_replaced(each, texts) for each in part]
    return texts.get(part, part) if isinstance(part, int) else part


def is_text_id(stored: int) -> bool:
    """Whether a stored id stands for a text."""
    return stored >= FIRST_TEXT_ID


def _columns(pairs: Iterable[TextOf]) -> list[list[str]]:
    kinds, texts = [list(column) for column in zip(*pairs, strict=True)] or [[], []]
    return [[kind.value for kind in kinds], texts]
