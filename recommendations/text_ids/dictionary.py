"""Assigning numbers to the texts that are ids, and looking both up, in the current casino's database.

An assignment never changes, also when the row is removed. Nothing is cached: a database may be restored or set back.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from recommendations.validation.own_ids import FIRST_TEXT_ID, MAX_OWN_ID, OwnId
from tenants.numbers import parse_id
from tenants.routing.connections import execute, query


class Kind(StrEnum):
    """The table whose rows have the id."""

    USERS = "users"
    EVENTS = "events"
    COUPONS = "purchased_coupons"


TextOf = tuple[Kind, str]

# In one order, so that concurrent transactions can't deadlock. A text that another one assigns is waited for.
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


def assign(wanted: Collection[TextOf]) -> dict[TextOf, int]:
    """The number of each text; a new one for a text that has none. Of concurrent transactions, all get the same."""
    execute(_ASSIGN, _columns(sorted(wanted)))
    return find(wanted)


def find(wanted: Iterable[TextOf]) -> dict[TextOf, int]:
    """The numbers of those of these texts that have one."""
    return {(Kind(kind), text): number for kind, text, number in query(_FIND, _columns(wanted))}


def id_of(kind: Kind, own: OwnId) -> int | None:
    """The stored row's id for the casino's own; None for a text that has none."""
    return own if isinstance(own, int) else ids_of(kind, [own]).get(own)


def ids_of(kind: Kind, texts: Iterable[str]) -> dict[str, int]:
    """The stored rows' ids for those of these texts that have one."""
    wanted = list(texts)
    generated = {text: number for text in wanted if (number := generated_id(text)) is not None}
    return generated | {text: number for (_, text), number in find((kind, text) for text in wanted).items()}


def generated_id(text: str) -> int | None:
    """The number in a text, if it is one that a table's sequence may have given to a row without an id."""
    number = parse_id(text)
    return number if number is not None and MAX_OWN_ID < number < FIRST_TEXT_ID else None


def texts_of(ids: Iterable[int]) -> dict[int, str]:
    """The texts of those of these ids that stand for one."""
    numbers = [each for each in ids if is_text_id(each)]
    return dict(query(_TEXTS, [numbers])) if numbers else {}


def own_id_of(stored: int) -> OwnId:
    """The casino's own id for a stored row's."""
    return texts_of([stored]).get(stored, stored)


def with_own_ids(rows: Any) -> Any:
    """A copy of stored rows, as JSON has them, with the texts in place of the numbers that stand for them."""
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


def _columns(wanted: Iterable[TextOf]) -> list[list[str]]:
    kinds, texts = [list(column) for column in zip(*wanted, strict=True)] or [[], []]
    return [[kind.value for kind in kinds], texts]
