"""Reads a mapping's text, YAML or JSON, as a tree whose nodes know their places.

Of YAML, only the features of JSON are allowed: no anchors, tags or several documents; plain `no`, `off` and `12:30` are
text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import yaml

from .errors import InvalidMapping

MAX_BYTES = 65_536
MAX_DEPTH = 20
_MAP_TAG, _LIST_TAG, _TEXT_TAG = (f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str"))
_WHOLE, _DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,18})"), re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_PLAIN = {"true": True, "false": False, "null": None, "~": None, "": None}

Scalar = str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place; `key_place` is the place of its name in the surrounding object."""

    value: "Scalar | list[Node] | dict[str, Node]"
    place: str
    key_place: str = ""

    def fail(self, text: str) -> InvalidMapping:
        return InvalidMapping.at(self.place, text)

    def fields(self, allowed: tuple[str, ...], noun: str) -> "dict[str, Node]":
        """The object's values by name. Raises InvalidMapping for anything else, and for a name that is not allowed."""
        if not isinstance(self.value, dict):
            raise self.fail(f"{noun} must be an object with {listed(allowed)}")
        for name, node in self.value.items():
            if name not in allowed:
                raise InvalidMapping.at(node.key_place, unknown(name, allowed, noun))
        return self.value

    def text(self, noun: str, longest: int = 1_000) -> str:
        if not isinstance(self.value, str) or len(self.value) > longest:
            raise self.fail(f"{noun} must be text of at most {longest} characters")
        return self.value

    def scalar(self, noun: str) -> Scalar:
        if isinstance(self.value, list | dict):
            raise self.fail(f"{noun} must be text, a number, true, false or null")
        return self.value

    def items(self) -> "list[Node]":
        """The list's values; a single value is a list of one."""
        return self.value if isinstance(self.value, list) else [self]


def as_json(node: Node) -> Any:
    """The tree as values of JSON; `read_json` reads them as the same tree."""
    if isinstance(node.value, dict):
        return {name: as_json(each) for name, each in node.value.items()}
    if isinstance(node.value, list):
        return [as_json(each) for each in node.value]
    return float(node.value) if isinstance(node.value, Decimal) else node.value


def listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def unknown(name: str, allowed: tuple[str, ...], noun: str) -> str:
    """The error text for an unknown name, with the nearest allowed one."""
    near = get_close_matches(name, allowed, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{noun} has no {name[:40]!r}; {hint}Allowed: {listed(allowed)}"


def read_yaml(text: str, name: str) -> Node:
    """The tree of a YAML (or JSON) text; `name` is the file's name in places. Raises InvalidMapping."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise InvalidMapping.at(name, f"a mapping must have at most {MAX_BYTES} bytes")
    reader = _Reader(text, name)
    try:
        return reader.read()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = name if mark is None else _place(name, mark)
        raise InvalidMapping.at(place, f"is no YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:  # characters that YAML does not allow
        raise InvalidMapping.at(name, f"is no YAML: {' '.join(str(error).split())}") from error


def read_json(value: Any, place: str, depth: int = 0) -> Node:
    """The tree of a decoded JSON value, with its paths as places. Raises InvalidMapping."""
    if depth > MAX_DEPTH:
        raise InvalidMapping.at(place, f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        inner = {name: read_json(each, f"{place}.{name}", depth + 1) for name, each in value.items()}
        return Node({name: _keyed(node, node.place) for name, node in inner.items()}, place)
    if isinstance(value, list):
        return Node([read_json(each, f"{place}[{number}]", depth + 1) for number, each in enumerate(value)], place)
    return Node(Decimal(str(value)) if isinstance(value, float) else value, place)


def _keyed(node: Node, key_place: str) -> Node:
    return Node(node.value, node.place, key_place)


def _place(name: str, mark: Any) -> str:
    """The line and column of the mark, which each event of the parser has."""
    return f"{name}:{mark.line + 1}:{mark.column + 1}"


@dataclass
class _Reader:
    """Builds the tree from YAML's events. Without anchors, the tree is no larger than the text."""

    text: str
    name: str
    events: Iterator[yaml.Event] = field(init=False)

    def read(self) -> Node:
        self.events = yaml.parse(self.text, Loader=yaml.SafeLoader)
        next(self.events)
        first = next(self.events)
        if isinstance(first, yaml.StreamEndEvent):
            raise InvalidMapping.at(f"{self.name}:1:1", "the mapping is empty")
        tree = self._node(next(self.events), 0)
        next(self.events)
        if not isinstance(last := next(self.events), yaml.StreamEndEvent):
            raise self._fail(last, "a mapping is one YAML document")
        return tree

    def _node(self, event: yaml.Event, depth: int) -> Node:
        self._require_plain(event, depth)
        place = _place(self.name, event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            return Node(event.value if event.style else _plain(event.value), place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node([self._node(each, depth + 1) for each in self._events_until(yaml.SequenceEndEvent)], place)
        return Node(self._object(depth), place)

    def _object(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for event in self._events_until(yaml.MappingEndEvent):
            self._require_plain(event, depth)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._fail(event, "a name must be text")
            if event.value in found:
                raise self._fail(event, f"{event.value[:40]!r} occurs twice")
            node = self._node(next(self.events), depth + 1)
            found[event.value] = _keyed(node, _place(self.name, event.start_mark))
        return found

    def _events_until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self.events), end):
            yield event

    def _require_plain(self, event: yaml.Event, depth: int) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._fail(event, "anchors and aliases (& and *) are not allowed: write the value out, or quote it")
        if getattr(event, "tag", None) not in {None, _MAP_TAG, _LIST_TAG, _TEXT_TAG}:
            raise self._fail(event, "tags (!) are not allowed: quote the text if it begins with !")
        if depth > MAX_DEPTH:
            raise self._fail(event, f"is nested deeper than {MAX_DEPTH} levels")

    def _fail(self, event: yaml.Event, text: str) -> InvalidMapping:
        return InvalidMapping.at(_place(self.name, event.start_mark), text)


def _plain(text: str) -> Scalar:
    """The value of unquoted text: JSON's value, or else the text itself."""
    if text in _PLAIN:
        return _PLAIN[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text
