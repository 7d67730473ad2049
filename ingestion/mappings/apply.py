"""Applies a mapping: a document becomes messages in this service's format.

An unreadable value becomes one that no decoder accepts: the message is rejected for this field, and closes or restricts
like any other rejected message.
"""

import math
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any

import msgspec

from recommendations.validation.markets import MAX_MARKETS

from .documents import items_of, read_document, read_json, require_object
from .errors import UnreadableDocument, UnreadableValue
from .evaluate import MOST_VALUES, Scope, encodable, found_values, require_few_values, value_of
from .format import FieldRule, ListPart, ListRule, Mapping, ObjectRule, Rule
from .market_lines import split_markets
from .processor_time import ProcessorTime, require_time, within
from .values import ABSENT, UNREADABLE, text_of

MARKETS = "markets"
MAX_SECONDS = 2.0  # processor time per document: one must not stop the messages of other casinos

MAX_OUTPUT = 16_777_216  # bytes of one document's messages
_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class MappedMessage:
    """A message made of one item. `value` is its JSON, or None if the row of `row_id` is removed, as of `removed_at`
    (JSON; empty without a time). `problems`: field name -> the reason why it can't be read."""

    value: bytes | None
    problems: dict[str, str]
    row_id: str = ""
    removed_at: bytes = b""


def map_document(mapping: Mapping, raw: bytes, max_seconds: float = MAX_SECONDS) -> list[MappedMessage]:
    """The messages of a document. Raises UnreadableDocument."""
    with within(ProcessorTime(max_seconds)):
        document = read_document(mapping.source, raw)
        mapper = DocumentMapper(mapping, document, max_bytes=MAX_OUTPUT)
        return [mapper.message_of(item) for item in items_of(mapping, document)]


def map_key(mapping: Mapping, key: Any) -> str | None:
    """The id in a message's decoded key; None if it can't be read, or the mapping does not read keys."""
    if mapping.key is None:
        return None
    try:
        with within(ProcessorTime(MAX_SECONDS)):
            return _id_text(value_of(mapping.key, Scope(key, key)))
    except (UnreadableValue, UnreadableDocument):
        return None


class DocumentMapper:
    """Applies a mapping to one document. The messages together have at most `max_bytes` bytes."""

    def __init__(self, mapping: Mapping, document: Any, *, max_bytes: float = math.inf) -> None:
        self._mapping = mapping
        self._document = document
        self._document_values: dict[int, list[Any]] = {}
        self._bytes_left = max_bytes

    def message_of(self, item: Any) -> MappedMessage:
        """The item's message. Raises UnreadableDocument for an item that is no object, and beyond `max_bytes`."""
        scope = Scope(require_object(item), self._document, self._document_values)
        problems: dict[str, str] = {}
        removal = self._mapping.remove
        if removal is not None and any(_word(each) in removal.words for each in removal.when.find(item)):
            found = self._field(removal.row_id, scope, "id", problems)
            if not problems and found is not ABSENT and (row_id := _id_text(found)) is not None:
                return MappedMessage(None, problems, row_id, self._removed_at(scope))
            problems.setdefault("id", "the removed row's id is missing")
            return MappedMessage(_ENCODE({"id": UNREADABLE}), problems)
        value = _ENCODE(dict(self._fields(self._mapping.fields, scope, "", problems)))
        self._bytes_left -= len(value)
        if self._bytes_left < 0:
            raise UnreadableDocument("too_large", f"the mapping makes more than {MAX_OUTPUT} bytes of the document")
        return MappedMessage(value, problems)

    def values_at(self, item: Any, fields: Iterable[str]) -> dict[str, Any]:
        """The first value at the paths of each of these fields, unchanged from the document."""
        scope = Scope(item, self._document, self._document_values)
        rules = {name: rule for name in fields if isinstance(rule := self._mapping.fields.get(name), FieldRule)}
        found = {name: found_values(rule, scope) for name, rule in rules.items()}
        return {name: values[0] for name, values in found.items() if values}

    def _removed_at(self, scope: Scope) -> bytes:
        rule = self._mapping.fields.get("timestamp")
        time = ABSENT if rule is None else self._field(rule, scope, "timestamp", {})
        return b"" if time is ABSENT else _ENCODE(time)

    def _fields(
        self, rules: Table[str, Rule], scope: Scope, prefix: str, problems: dict[str, str]
    ) -> Iterator[tuple[str, Any]]:
        for name, rule in rules.items():
            value = self._field(rule, scope, f"{prefix}{name}", problems)
            if value is not ABSENT:
                yield name, value

    def _field(self, rule: Rule, scope: Scope, name: str, problems: dict[str, str]) -> Any:
        require_time()
        try:
            if isinstance(rule, FieldRule):
                return encodable(value_of(rule, scope))
            if isinstance(rule, ObjectRule):
                return dict(self._fields(rule.fields, scope, f"{name}.", problems)) or ABSENT
            return self._list(rule, scope, name, problems)
        except UnreadableValue as error:
            problems[name] = f"{name}: the value {error}"
            return UNREADABLE

    def _list(self, rule: ListRule, scope: Scope, name: str, problems: dict[str, str]) -> Any:
        found: list[Any] | None = None
        most = MAX_MARKETS if name == MARKETS else MOST_VALUES
        for part in rule.parts:
            items = _items_of(part, scope.item)
            if items is None:
                continue
            found = [] if found is None else found
            require_few_values((*found, *items), most)
            for item in items:
                found.append(self._object(part, item, scope, f"{name}[{len(found)}].", problems))
        if found is None:
            return [] if rule.is_empty_by_default else ABSENT
        return split_markets(found) if name == MARKETS else found

    def _object(self, part: ListPart, item: Any, scope: Scope, prefix: str, problems: dict[str, str]) -> dict[str, Any]:
        if not isinstance(item, dict):
            return UNREADABLE
        inner = Scope(item, scope.document, scope.document_values)
        return dict(self._fields(part.fields, inner, prefix, problems))


def _items_of(part: ListPart, place: Any) -> list[Any] | None:
    """The items of a part; None if none of its paths exists."""
    if not part.each:
        return [place]
    for path in part.each:
        if found := path.find(place):
            return [
                item
                for value in map(_parse_embedded, found)
                for item in (value if isinstance(value, list) else [value])
            ]
    return None


def _parse_embedded(value: Any) -> Any:
    """The content of a JSON column, which change events have as text; any other value unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return read_json(value.encode())
    except (ValueError, RecursionError):
        return value


def _id_text(value: Any) -> str | None:
    if value is ABSENT or value is None or isinstance(value, bool):
        return None
    return text_of(value).strip() or None


def _word(value: Any) -> str:
    try:
        return text_of(value)
    except UnreadableValue:
        return ""
