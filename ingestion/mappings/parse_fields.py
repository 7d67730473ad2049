"""Checks the fields of a mapping, including those of lists and objects, and makes their rules."""

from functools import cache, partial

import msgspec

from ingestion.messages.formats import HeartbeatMessage, MarketMessage, OutcomeMessage, SelectionMessage

from .errors import InvalidMapping, Problem
from .format import FieldRule, ListPart, ListRule, ObjectRule, Rule
from .market_lines import IDENTIFYING_FIELDS
from .parse_rule import MAX_PATHS, collected, parse_list_path, parse_rule
from .paths import Path
from .tree import Node, listed, unknown

LIST_FIELDS: dict[str, type[msgspec.Struct]] = {
    "recommended_events": SelectionMessage,
    "markets": MarketMessage,
    "outcomes": OutcomeMessage,
}
_OBJECT_FIELDS: dict[str, type[msgspec.Struct]] = {"heartbeat": HeartbeatMessage}
_MAX_PARTS = 50


def parse_fields(node: Node, message: type[msgspec.Struct], problems: list[Problem]) -> dict[str, Rule]:
    """The rules of all fields. A problem in one field does not hide problems in others."""
    allowed = _field_names(message)
    if not isinstance(node.value, dict) or not node.value:
        problems.append(Problem(node.place, f"fields is an object with some of {listed(allowed)}"))
        return {}
    rules: dict[str, Rule] = {}
    for name, each in node.value.items():
        if name not in allowed:
            problems.append(Problem(each.key_place, unknown(name, allowed, "a message")))
        elif (rule := collected(problems, partial(_parse_field, name, message), each, None)) is not None:
            rules[name] = rule
    return rules


def _parse_field(name: str, message: type[msgspec.Struct], node: Node) -> Rule:
    if name in LIST_FIELDS:
        return _list(name, node)
    if name in _OBJECT_FIELDS and isinstance(node.value, dict) and "fields" in node.value:
        return _object(name, node)
    return parse_rule(name, node, message)


@cache
def _field_names(message: type[msgspec.Struct]) -> tuple[str, ...]:
    names = tuple(each.encode_name for each in msgspec.structs.fields(message))
    return names + IDENTIFYING_FIELDS if message is OutcomeMessage else names


def _list(name: str, node: Node) -> ListRule:
    """A list's parts: one part with `each`, fields and default, or a list of parts."""
    if not 0 < len(node.items()) <= _MAX_PARTS:
        raise node.fail(f"{name} is a part with each and fields, or a list of 1 to {_MAX_PARTS} parts")
    problems: list[Problem] = []
    parts = [collected(problems, partial(_part, name), each, None) for each in node.items()]
    if problems:
        raise InvalidMapping(problems)
    has_default = isinstance(node.value, dict) and "default" in node.value
    return ListRule(tuple(each for each in parts if each is not None), has_default)


def _part(name: str, node: Node) -> ListPart:
    given = node.fields(("each", "fields", "default"), name)
    if "fields" not in given or (name == "recommended_events" and "each" not in given):
        raise node.fail(f"{name} needs each, the path of its items, and fields")
    if "default" in given and (given["default"].value != [] or name != "markets"):
        raise given["default"].fail(f"{name}: the only default of a list is [], of markets")
    problems: list[Problem] = []
    fields = parse_fields(given["fields"], LIST_FIELDS[name], problems)
    if problems:
        raise InvalidMapping(problems)
    return ListPart(_list_paths(given["each"]) if "each" in given else (), fields)


def _list_paths(node: Node) -> tuple[Path, ...]:
    if not 0 < len(node.items()) <= MAX_PATHS:
        raise node.fail(f"each is a path, or a list of 1 to {MAX_PATHS} paths")
    return tuple(map(parse_list_path, node.items()))


def _object(name: str, node: Node) -> ObjectRule:
    given = node.fields(("fields",), name)
    problems: list[Problem] = []
    fields = parse_fields(given["fields"], _OBJECT_FIELDS[name], problems)
    if problems:
        raise InvalidMapping(problems)
    return ObjectRule({key: rule for key, rule in fields.items() if isinstance(rule, FieldRule)})
