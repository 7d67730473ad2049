"""The rules of a parsed mapping."""

from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any, Literal

from .paths import Path
from .values import ABSENT, Function

SourceKind = Literal["json", "xml", "csv"]


@dataclass(frozen=True, slots=True)
class Source:
    """The format of documents. `lists`: XML elements that are lists even if there is only one."""

    kind: SourceKind = "json"
    lists: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Constant:
    value: Any


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The values at the first path with a value that is neither null nor empty text; in the document with
    `in_document`, else in the item."""

    paths: tuple[Path, ...]
    in_document: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """The values at all `paths`, each of which must have one unless none has; then the values at the `optional`
    paths."""

    paths: tuple[Path, ...]
    optional: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The source of a field's value, the functions applied to it, and the default for a missing value."""

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
    """A field that is a list of objects: those of its parts, one part after another. Without an item, the field is
    missing, or an empty list with `is_empty_by_default`."""

    parts: tuple[ListPart, ...]
    is_empty_by_default: bool = False


@dataclass(frozen=True, slots=True)
class ObjectRule:
    """A field that is an object, read from the surrounding item; missing if the object has no field."""

    fields: Table[str, FieldRule]


Rule = FieldRule | ListRule | ObjectRule


def field_rules(rules: "Table[str, Rule]") -> Iterator[tuple[str, FieldRule]]:
    """All rules of single values, including those in lists and objects, with their names."""
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
    """Items that remove the row with the id at `row_id`: those whose text at `when` is one of `words`."""

    when: Path
    words: frozenset[str]
    row_id: FieldRule


@dataclass(frozen=True, slots=True)
class Mapping:
    """The rules by which the documents of one feed become messages of the topic `messages`.

    `each`: the paths of the items in a document; the first one that exists is used; without a path, the document is the
    item. `ignore`: a document with a value at one of these paths has no items. `key`: the id in a Kafka message's key
    that is JSON.
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
