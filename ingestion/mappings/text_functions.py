"""The functions of texts: their case, their parts, and added text."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .errors import UnreadableValue
from .number_functions import plain_number
from .tree import Node
from .values import ABSENT, Function, text_of

_MAX_BEGINNINGS = 20


def on_text(name: str, change: Callable[[str], Any]) -> Callable[[Node], Function]:
    return lambda _: Function(name, lambda value: change(text_of(value)))


def make_prefix(node: Node) -> Function:
    added = node.text("prefix", 100)
    return Function("prefix", lambda value: added + text_of(value))


def make_suffix(node: Node) -> Function:
    added = node.text("suffix", 100)
    return Function("suffix", lambda value: text_of(value) + added)


def make_split(node: Node) -> Function:
    """One part of a text with `take`, else all parts, as several values."""
    given = node.fields(("at", "take"), "split")
    if "at" not in given:
        raise node.fail("split needs at (a text); take (a part's number, from 0) selects one part")
    if not (at := given["at"].text("at", 20)):
        raise given["at"].fail("at must not be empty")
    if "take" not in given:
        return Function("split", lambda value: _parts(text_of(value), at), makes_several=True)
    take = given["take"].value
    if isinstance(take, bool) or not isinstance(take, int) or not -10 <= take < 10:
        raise given["take"].fail("take must be a number from -10 (from the end) to 9")

    def split(value: Any) -> str:
        parts = text_of(value).split(at)
        if not -len(parts) <= take < len(parts):
            raise UnreadableValue(f"has {len(parts)} parts between {at!r}, and no part {take}")
        return parts[take].strip()

    return Function("split", split)


def _parts(text: str, at: str) -> list[str]:
    return [part for each in text.split(at) if (part := each.strip())]


def make_replace(node: Node) -> Function:
    given = node.fields(("find", "with"), "replace")
    if given.keys() != {"find", "with"}:
        raise node.fail("replace needs find and with, two texts")
    find, by = given["find"].text("find", 100), given["with"].text("with", 100)
    if not find:
        raise given["find"].fail("find must not be empty")
    return Function("replace", lambda value: text_of(value).replace(find, by))


def make_starting_with(node: Node) -> Function:
    beginnings = _beginnings("starting_with", node)

    def rest(value: Any) -> list[str]:
        text = text_of(value)
        return [text.removeprefix(each) for each in beginnings if text.startswith(each)][:1]

    return Function("starting_with", rest, filters=True)


def make_not_starting_with(node: Node) -> Function:
    beginnings = _beginnings("not_starting_with", node)
    return Function(
        "not_starting_with",
        lambda value: [] if text_of(value).startswith(beginnings) else [value],
        filters=True,
    )


def _beginnings(name: str, node: Node) -> tuple[str, ...]:
    found = tuple(each.text(name, 100) for each in node.items())
    if not 0 < len(found) <= _MAX_BEGINNINGS or "" in found:
        raise node.fail(f"{name} is a text, or a list of 1 to {_MAX_BEGINNINGS} texts, none of them empty")
    return found


def before_number(text: str) -> str:
    """The text before the number, as `Over` of `Over 2.5`; the whole text if no number ends it."""
    words, _ = _number_at_end(text)
    return words


def number_at_end(text: str) -> Any:
    """The number at the end, as 2.5 of `Over 2.5`; ABSENT without one."""
    _, number = _number_at_end(text)
    return ABSENT if number is None else number


def _number_at_end(text: str) -> tuple[str, Decimal | None]:
    words, _, last = text.strip().rpartition(" ")
    number = plain_number(last) if words else None
    return (text.strip(), None) if number is None else (words.rstrip(), number)
