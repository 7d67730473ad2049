"""Applies a mapping: a document becomes messages in this service's format.

A field whose value can't be read becomes one that no decoder reads, so that the message is rejected for it, and what
closes or restricts works as in any other message.
"""

import time
from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from .documents import items_of, read_document, require_object
from .errors import UnreadableDocument, UnreadableValue
from .format import AllOf, Constant, FieldRule, FirstOf, ListRule, Mapping, Rule
from .values import ABSENT, is_plain, kind_of, text_of

UNREADABLE = {"unreadable": True}  # an object, which no field can be
MAX_SECONDS = 2.0  # of the processor, for one document: it must not stop the messages of other casinos

_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class MappedMessage:
    """A message made of one item. `value` is its JSON, None where the row of `row_id` is removed. `problems`: why
    fields can't be read, by their names."""

    value: bytes | None
    problems: dict[str, str]
    row_id: str = ""


def map_document(mapping: Mapping, raw: bytes, max_seconds: float = MAX_SECONDS) -> list[MappedMessage]:
    """The messages of a document. Raises UnreadableDocument."""
    document = read_document(mapping.source, raw)
    applied = _Application(mapping, document, max_seconds)
    return [applied.message_of(item) for item in items_of(mapping, document)]


def map_key(mapping: Mapping, key: Any) -> str | None:
    """The id in a message's decoded key; None if it can't be read, or the mapping does not read keys."""
    if mapping.key is None:
        return None
    try:
        return _id_text(_value_of(mapping.key, _Scope(key, key)))
    except UnreadableValue:
        return None


@dataclass(slots=True)
class _Scope:
    """Where paths begin, and the values found for the whole document, which are the same for all items."""

    item: Any
    document: Any
    of_document: dict[int, list[Any]] | None = None

    def find(self, source: FirstOf) -> list[Any]:
        if not source.of_document:
            return _first_found(source, self.item)
        if self.of_document is None:
            return _first_found(source, self.document)
        if (found := self.of_document.get(id(source))) is None:
            found = self.of_document[id(source)] = _first_found(source, self.document)
        return found


class _Application:
    """A mapping that is applied to one document."""

    def __init__(self, mapping: Mapping, document: Any, max_seconds: float) -> None:
        self._mapping = mapping
        self._document = document
        self._of_document: dict[int, list[Any]] = {}
        self._max_seconds = max_seconds
        self._deadline = time.thread_time() + max_seconds

    def message_of(self, item: Any) -> MappedMessage:
        scope = _Scope(require_object(item), self._document, self._of_document)
        problems: dict[str, str] = {}
        removal = self._mapping.remove
        if removal is not None and any(_word(each) in removal.words for each in removal.when.find(item)):
            found = self._field(removal.row_id, scope, "id", problems)
            if not problems and found is not ABSENT and (row_id := _id_text(found)) is not None:
                return MappedMessage(None, problems, row_id)
            problems.setdefault("id", "the removed row's id is missing")
            return MappedMessage(_ENCODE({"id": UNREADABLE}), problems)
        fields = dict(self._fields(self._mapping.fields, scope, "", problems))
        return MappedMessage(_ENCODE(fields), problems)

    def _fields(
        self, rules: Table[str, Rule] | Table[str, FieldRule], scope: _Scope, prefix: str, problems: dict[str, str]
    ) -> Iterator[tuple[str, Any]]:
        for name, rule in rules.items():
            value = self._field(rule, scope, f"{prefix}{name}", problems)
            if value is not ABSENT:
                yield name, value

    def _field(self, rule: Rule, scope: _Scope, name: str, problems: dict[str, str]) -> Any:
        if time.thread_time() > self._deadline:
            text = f"the mapping takes longer than {self._max_seconds:g} s for the document"
            raise UnreadableDocument("too_large", text)
        try:
            if isinstance(rule, ListRule):
                return self._list(rule, scope, name, problems)
            return _encodable(_value_of(rule, scope))
        except UnreadableValue as error:
            problems[name] = f"{name}: the value {error}"
            return UNREADABLE

    def _list(self, rule: ListRule, scope: _Scope, name: str, problems: dict[str, str]) -> Any:
        values = rule.each.find(scope.item)
        if not values:
            return ABSENT
        items = [item for value in values for item in (value if isinstance(value, list) else [value])]
        return [
            dict(
                self._fields(
                    rule.fields, _Scope(item, scope.document, scope.of_document), f"{name}[{number}].", problems
                )
            )
            if isinstance(item, dict)
            else UNREADABLE
            for number, item in enumerate(items)
        ]


def _value_of(rule: FieldRule, scope: _Scope) -> Any:
    """The value of a field, as the functions leave it. Raises UnreadableValue."""
    source = rule.source
    if isinstance(source, Constant):
        return source.value
    found = _all_found(source, scope) if isinstance(source, AllOf) else scope.find(source)
    if all(each is None or each == "" for each in found) and rule.default is not ABSENT:
        return rule.default
    if not found:
        return ABSENT
    return _through(rule, found)


def _through(rule: FieldRule, found: list[Any]) -> Any:
    values = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    if not values:
        return ABSENT
    for function in rule.functions:
        if function.takes_all:
            values = [function.apply([each for each in values if each is not None] or _nothing())]
        else:
            values = [None if each is None else function.apply(each) for each in values]
        if any(each is ABSENT for each in values):
            return ABSENT
    if len(values) > 1:
        raise UnreadableValue(f"is one of {len(values)} found: choose with first, lowest, join or a narrower path")
    return values[0]


def _nothing() -> list[Any]:
    raise UnreadableValue("is null")


def _first_found(source: FirstOf, place: Any) -> list[Any]:
    """The values at the first path that has some; else what the paths have of null and empty text."""
    empty: list[Any] = []
    for path in source.paths:
        found = path.find(place)
        if any(each is not None and each != "" for each in found):
            return found
        empty = empty or found
    return empty


def _all_found(source: AllOf, scope: _Scope) -> list[Any]:
    parts = [path.find(scope.item) for path in source.paths]
    if len(parts) > 1 and any(parts) and not all(parts):
        raise UnreadableValue("lacks a part: not each path has one")
    return [each for part in parts for each in part]


def _encodable(value: Any) -> Any:
    """The value as JSON has it. Raises UnreadableValue for what no field can be."""
    if isinstance(value, tuple):
        return [_encodable(each) for each in value]
    if isinstance(value, Decimal) and is_plain(value):
        return msgspec.Raw(f"{value:f}".encode())
    if value is None or value is ABSENT or isinstance(value, str | int):
        return value
    raise UnreadableValue(f"is {kind_of(value)}" if not isinstance(value, Decimal) else "is a number out of all bounds")


def _id_text(value: Any) -> str | None:
    if value is ABSENT or value is None or isinstance(value, bool):
        return None
    return text_of(value).strip() or None


def _word(value: Any) -> str:
    try:
        return text_of(value)
    except UnreadableValue:
        return ""
