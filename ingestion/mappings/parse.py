"""Checks a mapping's tree, and makes the mapping. Reports all problems at once, each with its place."""

from collections.abc import Callable, Iterator
from typing import TypeVar, cast, get_args

import msgspec

from ingestion.messages.formats import CouponMessage, EventMessage, OddsMessage, UserMessage

from .errors import InvalidMapping, Problem
from .format import FirstOf, Mapping, RemovalRule, Source, SourceKind, field_rules
from .parse_fields import parse_fields
from .parse_rule import collected, parse_list_path, parse_path, parse_paths, parse_reference
from .paths import Path
from .tree import Node, listed, unknown

FORMATS: dict[str, type[msgspec.Struct]] = {
    "events": EventMessage,
    "users": UserMessage,
    "coupons": CouponMessage,
    "odds": OddsMessage,
}

_NAMES = ("about", "messages", "source", "each", "ignore", "fields", "key", "remove")
_KINDS: tuple[str, ...] = get_args(SourceKind)
_ENCODINGS = ("utf-8", "windows-1252", "iso-8859-1")
_MAX_WORDS = 20

T = TypeVar("T")
D = TypeVar("D")


def parse_mapping(tree: Node, name: str) -> Mapping:
    """The mapping with this tree. Raises InvalidMapping with all problems."""
    given = tree.fields(_NAMES, "a mapping")
    if missing := [each for each in ("messages", "fields") if each not in given]:
        raise tree.fail(f"a mapping needs {' and '.join(missing)}")
    problems: list[Problem] = []
    topic = _messages(given["messages"])

    def part(name: str, parse: Callable[[Node], T], default: D) -> T | D:
        return default if name not in given else collected(problems, parse, given[name], default)

    mapping = Mapping(
        name=name,
        messages=topic,
        about=part("about", lambda node: node.text("about"), ""),
        source=part("source", _source, Source()),
        each=part("each", _item_paths, ()),
        ignore=part("ignore", parse_paths, ()),
        key=part("key", parse_reference, None),
        remove=part("remove", _removal, None),
        fields=parse_fields(given["fields"], FORMATS[topic], problems),
    )
    if mapping.source.kind == "csv":
        problems += _row_problems(given, mapping)
    if problems:
        raise InvalidMapping(problems)
    return mapping


def _row_problems(given: dict[str, Node], mapping: Mapping) -> Iterator[Problem]:
    """Problems of a mapping of CSV, whose rows are read one by one."""
    if "each" in given:
        yield Problem(given["each"].place, "csv has no each: each row is an item")
    if "ignore" in given:
        yield Problem(given["ignore"].place, "csv has no ignore: each row is an item")
    for name, rule in field_rules(mapping.fields):
        if isinstance(rule.source, FirstOf) and rule.source.in_document:
            yield Problem(given["fields"].place, f"{name}: csv has no document beside its rows: use from")


def _messages(node: Node) -> str:
    name = node.text("messages")
    if name not in FORMATS:
        raise node.fail(unknown(name, tuple(FORMATS), "messages"))
    return name


def _source(node: Node) -> Source:
    if isinstance(node.value, str):
        return Source(_kind(node.value, node.place))
    if not isinstance(node.value, dict) or len(node.value) != 1:
        raise node.fail(f"source is one of {listed(_KINDS)}, or one of them with its options")
    [(name, options)] = node.value.items()
    kind = _kind(name, options.key_place)
    if kind == "xml":
        lists = options.fields(("lists",), "xml").get("lists")
        names = () if lists is None else tuple(each.text("lists", 100) for each in lists.items())
        return Source(kind, lists=names)
    if kind == "json":
        raise options.fail("json has no options: write source: json")
    given = options.fields(("delimiter", "encoding"), "csv")
    delimiter = given["delimiter"].text("delimiter", 1) if "delimiter" in given else ","
    encoding = given["encoding"].text("encoding") if "encoding" in given else "utf-8"
    if encoding not in _ENCODINGS:
        raise given["encoding"].fail(unknown(encoding, _ENCODINGS, "encoding"))
    if not delimiter or delimiter in '"\r\n':
        raise given["delimiter"].fail('delimiter is one character, such as ";"')
    return Source(kind, delimiter=delimiter, encoding=encoding)


def _kind(name: str, place: str) -> SourceKind:
    if name not in _KINDS:
        raise InvalidMapping.at(place, unknown(name, _KINDS, "source"))
    return cast(SourceKind, name)


def _item_paths(node: Node) -> tuple[Path, ...]:
    if not node.items():
        raise node.fail("each is a path, or a list of paths")
    return tuple(map(parse_list_path, node.items()))


def _removal(node: Node) -> RemovalRule:
    given = node.fields(("when", "is", "id"), "remove")
    if given.keys() != {"when", "is", "id"}:
        raise node.fail("remove needs when (a path), is (a word or a list of words) and id (the removed row's)")
    words = frozenset(each.text("is", 100) for each in given["is"].items())
    if not 0 < len(words) <= _MAX_WORDS:
        raise given["is"].fail(f"is has 1 to {_MAX_WORDS} words")
    return RemovalRule(parse_path(given["when"]), words, parse_reference(given["id"]))
