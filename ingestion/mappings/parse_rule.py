"""Checks the rule of one value: its source, its functions and its default."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ingestion.messages.formats import MarketMessage, OutcomeMessage
from recommendations.errors import InvalidRow
from recommendations.models import MarketStatus
from recommendations.validation.status_words import market_status

from .errors import InvalidMapping, Problem
from .format import AllOf, Constant, FieldRule, FirstOf
from .functions import make_function
from .paths import InvalidPath, Path, compile_path
from .tree import Node, listed
from .values import ABSENT, Function

# A default would assert a value that the feed did not send: that the row is open, at this price, without this limit.
NO_DEFAULT = frozenset({
    "id", "user_id", "event_id", "status", "status_until", "odd", "stake", "stake_limit", "limit_left", "birth_date",
    "birth_year", "market", "line", "outcome", "complete", "personalisation",
})  # fmt: skip

_MARKET_MESSAGES = frozenset({MarketMessage, OutcomeMessage})
_RULE = ("value", "from", "document", "all", "optional", "then", "default")
_SOURCES = ("value", "from", "document", "all")
MAX_PATHS = 10
_MAX_FUNCTIONS = 10

T = TypeVar("T")
D = TypeVar("D")


def collected(problems: list[Problem], parse: Callable[[Node], T], node: Node, default: D) -> T | D:
    """The result of `parse` for the node. If the node has problems, adds them to `problems` and returns the default."""
    try:
        return parse(node)
    except InvalidMapping as error:
        problems.extend(error.problems)
        return default


def parse_paths(node: Node) -> tuple[Path, ...]:
    """A path, or a list of paths. Raises InvalidMapping."""
    paths = tuple(map(parse_path, node.items()))
    if not 0 < len(paths) <= MAX_PATHS:
        raise node.fail(f"is a path, or a list of 1 to {MAX_PATHS} paths")
    return paths


def parse_path(node: Node) -> Path:
    """The path in a node. Raises InvalidMapping."""
    return _compiled(node, node.text("a path"))


def parse_list_path(node: Node) -> Path:
    """The path of a list; the list may be empty. The path of its items, with [*] at the end, is the same path. Raises
    InvalidMapping."""
    return _compiled(node, node.text("a path").removesuffix("[*]") or "$")


def _compiled(node: Node, text: str) -> Path:
    try:
        return compile_path(text)
    except InvalidPath as error:
        raise node.fail(str(error)) from error


def parse_rule(name: str, node: Node, message: type[msgspec.Struct] | None = None) -> FieldRule:
    """The rule of the field `name` of a message. Raises InvalidMapping."""
    if isinstance(node.value, str | list):
        return FieldRule(FirstOf(parse_paths(node)))
    given = node.fields(_RULE, name)
    sources = [each for each in _SOURCES if each in given]
    if len(sources) != 1:
        raise node.fail(f"{name} needs one of {listed(_SOURCES)}" + (", not several" if sources else ""))
    source = _source_of_value(sources[0], given)
    functions = _functions(given["then"]) if "then" in given else ()
    if isinstance(source, Constant) and len(given) > 1:
        raise node.fail(f"{name} is a constant, so it has no then and no default")
    if name in NO_DEFAULT and any(function.guesses for function in functions):
        raise node.fail(f"{name}: '*' is not allowed in its words: an unknown word must not open anything")
    return FieldRule(source, functions, _default(name, given.get("default"), message))


def _source_of_value(kind: str, given: dict[str, Node]) -> Constant | FirstOf | AllOf:
    node, optional = given[kind], given.get("optional")
    if optional is not None and kind != "all":
        raise InvalidMapping.at(optional.key_place, "optional (paths that need not have a value) needs all beside it")
    if kind == "value":
        values = [each.scalar("value") for each in node.items()]
        if any(each is None for each in values):
            raise node.fail("value is text, a number, true or false, or a list of them")
        return Constant(tuple(values) if isinstance(node.value, list) else values[0])
    paths = parse_paths(node)
    if kind == "all":
        return AllOf(paths, () if optional is None else parse_paths(optional))
    return FirstOf(paths, in_document=kind == "document")


def _functions(node: Node) -> tuple[Function, ...]:
    functions = tuple(make_function(each) for each in node.items())
    if len(functions) > _MAX_FUNCTIONS:
        raise node.fail(f"then has at most {_MAX_FUNCTIONS} functions")
    several = [number for number, each in enumerate(functions) if each.makes_several and not each.takes_all]
    if several and not any(each.takes_all and not each.makes_several for each in functions[several[-1] :]):
        text = "split without take makes several values: take one of them, or go on with list, first, last or join"
        raise node.items()[several[-1]].fail(text)
    return functions


def _default(name: str, node: Node | None, message: type[msgspec.Struct] | None) -> Any:
    if node is None:
        return ABSENT
    value = node.scalar("default")
    if name == "status" and message in _MARKET_MESSAGES and _closes(value):
        return value
    if name == "odd" and value is None:  # no price
        return None
    if name in NO_DEFAULT:
        allowed = "odd has no default but null, for no price" if name == "odd" else f"{name} has no default"
        raise InvalidMapping.at(node.key_place, f"{allowed}: a field that a feed leaves out must not open anything")
    if value is None:
        raise node.fail("default is text, a number, true or false")
    return value


def _closes(status: Any) -> bool:
    try:
        return isinstance(status, str) and market_status(status) != MarketStatus.OPEN
    except InvalidRow:
        return False


def parse_reference(node: Node) -> FieldRule:
    return parse_rule("id", node if isinstance(node.value, dict) else Node({"from": node}, node.place))
