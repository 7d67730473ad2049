"""Checks the fields of a mapping, and makes the rules of them."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

import msgspec

from ingestion.messages.formats import SelectionMessage

from .errors import InvalidMapping, Problem
from .format import AllOf, Constant, FieldRule, FirstOf, ListRule, Rule
from .functions import make_function
from .paths import InvalidPath, Path, compile_path
from .tree import Node, listed, unknown
from .values import ABSENT, Function

LIST_FIELDS: dict[str, type[msgspec.Struct]] = {"recommended_events": SelectionMessage}
# A default would say of a row what its feed has left out: that it is open, at this price, without this limit.
NO_DEFAULT = frozenset({
    "id", "user_id", "event_id", "status", "status_until", "odd", "stake", "stake_limit", "limit_left", "birth_date",
    "birth_year",
})  # fmt: skip

_RULE = ("value", "from", "document", "all", "then", "default")
_SOURCES = ("value", "from", "document", "all")
_MAX_PATHS, _MAX_FUNCTIONS = 10, 10

T = TypeVar("T")
D = TypeVar("D")


def collected(problems: list[Problem], parse: Callable[[Node], T], node: Node, default: D) -> T | D:
    """What `parse` makes of the node; the default if it has problems, which are added to the others."""
    try:
        return parse(node)
    except InvalidMapping as error:
        problems.extend(error.problems)
        return default


def parse_paths(node: Node) -> tuple[Path, ...]:
    """A path, or a list of paths. Raises InvalidMapping."""
    paths = tuple(map(parse_path, node.items()))
    if not 0 < len(paths) <= _MAX_PATHS:
        raise node.fail(f"is a path, or a list of 1 to {_MAX_PATHS} paths")
    return paths


def parse_path(node: Node) -> Path:
    """Raises InvalidMapping."""
    return _compiled(node, node.text("a path"))


def parse_list_path(node: Node) -> Path:
    """The path of a list, which may be empty; that of its items, with [*] at the end, is the same. Raises
    InvalidMapping."""
    return _compiled(node, node.text("a path").removesuffix("[*]") or "$")


def _compiled(node: Node, text: str) -> Path:
    try:
        return compile_path(text)
    except InvalidPath as error:
        raise node.fail(str(error)) from error


def parse_fields(node: Node, message: type[msgspec.Struct], problems: list[Problem]) -> dict[str, Rule]:
    """The rules of all fields; a problem of one does not hide those of the others."""
    allowed = _field_names(message)
    if not isinstance(node.value, dict) or not node.value:
        problems.append(Problem(node.place, f"fields is an object with some of {listed(allowed)}"))
        return {}
    rules: dict[str, Rule] = {}
    for name, each in node.value.items():
        if name not in allowed:
            problems.append(Problem(each.key_place, unknown(name, allowed, "a message")))
        else:
            parse: Callable[[str, Node], Rule] = _list if name in LIST_FIELDS else _rule
            if (rule := collected(problems, partial(parse, name), each, None)) is not None:
                rules[name] = rule
    return rules


@cache
def _field_names(message: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(each.encode_name for each in msgspec.structs.fields(message))


def _list(name: str, node: Node) -> ListRule:
    given = node.fields(("each", "fields"), name)
    if given.keys() != {"each", "fields"}:
        raise node.fail(f"{name} needs each, the path of its items, and fields")
    problems: list[Problem] = []
    fields = parse_fields(given["fields"], LIST_FIELDS[name], problems)
    if problems:
        raise InvalidMapping(problems)
    return ListRule(
        parse_list_path(given["each"]), {key: rule for key, rule in fields.items() if isinstance(rule, FieldRule)}
    )


def _rule(name: str, node: Node) -> FieldRule:
    if isinstance(node.value, str | list):
        return FieldRule(FirstOf(parse_paths(node)))
    given = node.fields(_RULE, name)
    sources = [each for each in _SOURCES if each in given]
    if len(sources) != 1:
        raise node.fail(f"{name} needs one of {listed(_SOURCES)}" + (", not several" if sources else ""))
    source = _source_of_value(sources[0], given[sources[0]])
    functions = _functions(given["then"]) if "then" in given else ()
    if isinstance(source, Constant) and len(given) > 1:
        raise node.fail(f"{name} is a constant, so it has no then and no default")
    if name in NO_DEFAULT and any(function.guesses for function in functions):
        raise node.fail(f"{name}: '*' is not allowed in its words: an unknown word must not open anything")
    return FieldRule(source, functions, _default(name, given.get("default")))


def _source_of_value(kind: str, node: Node) -> Constant | FirstOf | AllOf:
    if kind == "value":
        values = [each.scalar("value") for each in node.items()]
        if any(each is None for each in values):
            raise node.fail("value is text, a number, true or false, or a list of them")
        return Constant(tuple(values) if isinstance(node.value, list) else values[0])
    paths = parse_paths(node)
    return AllOf(paths) if kind == "all" else FirstOf(paths, of_document=kind == "document")


def _functions(node: Node) -> tuple[Function, ...]:
    functions = tuple(make_function(each) for each in node.items())
    if len(functions) > _MAX_FUNCTIONS:
        raise node.fail(f"then has at most {_MAX_FUNCTIONS} functions")
    several = [number for number, each in enumerate(functions) if each.makes_several]
    if several and not any(each.takes_all for each in functions[several[-1] :]):
        text = "split without take makes several values: take one of them, or go on with list, first, last or join"
        raise node.items()[several[-1]].fail(text)
    return functions


def _default(name: str, node: Node | None) -> Any:
    if node is None:
        return ABSENT
    value = node.scalar("default")
    if name == "odd" and value is None:  # no price
        return None
    if name in NO_DEFAULT:
        allowed = "odd has no default but null, for no price" if name == "odd" else f"{name} has no default"
        raise InvalidMapping.at(node.key_place, f"{allowed}: what a feed leaves out must not open anything")
    if value is None:
        raise node.fail("default is text, a number, true or false")
    return value


def parse_reference(node: Node) -> FieldRule:
    return _rule("id", node if isinstance(node.value, dict) else Node({"from": node}, node.place))
