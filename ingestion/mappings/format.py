"""A mapping, as it is applied."""

from collections.abc import Iterator
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
    """The values at all of the paths, of which each must have one, unless none has; then those at the `optional` ones
    that have one."""

    paths: tuple[Path, ...]
    optional: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where a field's value comes from, the functions that it goes through, and what stands for a missing one."""

    source: Constant | FirstOf | AllOf
    functions: tuple[Function, ...] = ()
    default: Any = ABSENT


@dataclass(frozen=True, slots=True)
class ListPart:
    """Objects of a list: one for each item at the first path of `each` that exists, or one of the surrounding item if
    `each` is empty."""

    each: tuple[Path, ...]
    fields: "Table[str, Rule]"


@dataclass(frozen=True, slots=True)
class ListRule:
    """A field that is a list of objects, those of its parts one after another. Where nothing is found, it is left out,
    or an empty list with `is_empty_by_default`."""

    parts: tuple[ListPart, ...]
    is_empty_by_default: bool = False


@dataclass(frozen=True, slots=True)
class ObjectRule:
    """A field that is an object of the surrounding item; left out if it has no field."""

    fields: Table[str, FieldRule]


Rule = FieldRule | ListRule | ObjectRule


def field_rules(rules: "Table[str, Rule]") -> Iterator[tuple[str, FieldRule]]:
    """All rules of single values, also those in lists and objects, with their names."""
    for name, rule in rules.items():
        if isinstance(rule, FieldRule):
            yield name, rule
        elif isinstance(rule, ObjectRule):
            yield from field_rules(rule.fields)
        else:
            for part in rule.parts:
                yield from field_rules(part.fields)


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
    the item. `ignore`: a document that has something at one of these paths has no items. `key`: the id in a Kafka
    message's key that is JSON.
    """

    name: str
    messages: str
    fields: Table[str, Rule]
    about: str = ""
    source: Source = field(default_factory=Source)
    each: tuple[Path, ...] = ()
    ignore: tuple[Path, ...] = ()
    key: FieldRule | None = None
    remove: RemovalRule | None = None
