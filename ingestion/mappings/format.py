"""A mapping, as it is applied."""

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any, Literal

from .paths import Path
from .values import ABSENT, Function

SourceKind = Literal["json", "xml", "csv"]


@dataclass(frozen=True, slots=True)
class Source:
    """How a document is read. `lists`: XML elements that are lists even where there is only one."""

    kind: SourceKind = "json"
    lists: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Constant:
    value: Any


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The values at the first path that has any but null and empty text; of the document with `of_document`, else of
    the item."""

    paths: tuple[Path, ...]
    of_document: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """The values at all of the paths, of which each must have one, unless none has."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where a field's value comes from, the functions that it goes through, and what stands for a missing one."""

    source: Constant | FirstOf | AllOf
    functions: tuple[Function, ...] = ()
    default: Any = ABSENT


@dataclass(frozen=True, slots=True)
class ListRule:
    """A field that is a list of objects: one for each item at `each`."""

    each: Path
    fields: Table[str, FieldRule]


Rule = FieldRule | ListRule


@dataclass(frozen=True, slots=True)
class RemovalRule:
    """Items that remove the row of the id at `row_id`: those whose text at `when` is one of `words`."""

    when: Path
    words: frozenset[str]
    row_id: FieldRule


@dataclass(frozen=True, slots=True)
class Mapping:
    """How the documents of one feed become messages of the topic `messages`.

    `each`: the paths of the items in a document, of which the first that exists counts; without one, the document is
    the item. `key`: the id in a Kafka message's key that is JSON.
    """

    name: str
    messages: str
    fields: Table[str, Rule]
    about: str = ""
    source: Source = field(default_factory=Source)
    each: tuple[Path, ...] = ()
    key: FieldRule | None = None
    remove: RemovalRule | None = None
