"""The functions of mappings. Each is made of its arguments in the mapping, which are checked then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recommendations.validation.status_words import normalized

from .errors import InvalidMapping, UnreadableValue
from .number_functions import make_divide, make_multiply, make_number, make_unscaled, whole_number
from .time_functions import make_date, make_time
from .tree import Node, unknown
from .values import ABSENT, Function, kind_of, number_of, text_of

MAX_WORDS = 1_000
_ALL_OTHERS = "*"


@dataclass(frozen=True, slots=True)
class Kind:
    """A function's name, how it is made, and what it does; `make` gets None where it takes no arguments."""

    make: Callable[[Node], Function]
    meaning: str
    has_arguments: bool = True


def make_function(node: Node) -> Function:
    """The function that one item of `then` names: `lower`, or `split: {at: ..}`. Raises InvalidMapping."""
    if isinstance(node.value, str):
        name, arguments = node.value, node
    elif isinstance(node.value, dict) and len(node.value) == 1:
        [(name, arguments)] = node.value.items()
    else:
        raise node.fail("a function is its name, or one name with its arguments, such as split: {at: '-', take: 0}")
    kind = FUNCTIONS.get(name)
    if kind is None:
        raise InvalidMapping.at(arguments.key_place or node.place, unknown(name, tuple(FUNCTIONS), "then"))
    if kind.has_arguments == isinstance(node.value, str):
        text = f"{name} needs arguments: {kind.meaning}" if kind.has_arguments else f"{name} takes no arguments"
        raise InvalidMapping.at(arguments.key_place or node.place, text)
    return kind.make(arguments)


def _of_text(name: str, change: Callable[[str], str]) -> Callable[[Node], Function]:
    return lambda _: Function(name, lambda value: change(text_of(value)))


def _of_all(name: str, choose: Callable[[list[Any]], Any]) -> Callable[[Node], Function]:
    return lambda _: Function(name, choose, takes_all=True)


def _make_prefix(node: Node) -> Function:
    added = node.text("prefix", 100)
    return Function("prefix", lambda value: added + text_of(value))


def _make_suffix(node: Node) -> Function:
    added = node.text("suffix", 100)
    return Function("suffix", lambda value: text_of(value) + added)


def _make_split(node: Node) -> Function:
    """One part of a text with `take`, else all of them, as several values."""
    given = node.fields(("at", "take"), "split")
    if "at" not in given:
        raise node.fail("split needs at, a text; with take, a part's number from 0, it is that part alone")
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


def _make_replace(node: Node) -> Function:
    given = node.fields(("find", "with"), "replace")
    if given.keys() != {"find", "with"}:
        raise node.fail("replace needs find and with, two texts")
    find, by = given["find"].text("find", 100), given["with"].text("with", 100)
    if not find:
        raise given["find"].fail("find must not be empty")
    return Function("replace", lambda value: text_of(value).replace(find, by))


def _make_words(node: Node) -> Function:
    """Other words than the table's stay, unless it has `*`: the service knows many words for a status itself."""
    table = _table("words", node)

    def translate(value: Any) -> Any:
        return table.get(normalized(text_of(value)), table.get(_ALL_OTHERS, value))

    return Function("words", translate, guesses=_ALL_OTHERS in table)


def _make_only_words(node: Node) -> Function:
    table = _table("only_words", node)

    def translate(value: Any) -> Any:
        word = normalized(text_of(value))
        if word not in table:
            raise UnreadableValue("is none of the words of only_words")
        return table[word]

    return Function("only_words", translate)


def _table(name: str, node: Node) -> Mapping[str, Any]:
    if not isinstance(node.value, dict) or not 0 < len(node.value) <= MAX_WORDS:
        raise node.fail(f"{name} is a table of 1 to {MAX_WORDS} words, such as {{NS: open, FT: settled}}")
    table: dict[str, Any] = {}
    for word, meant in node.value.items():
        if normalized(word) in table:
            raise InvalidMapping.at(
                meant.key_place, f"{word[:40]!r} is there twice: case, blanks, -, _, . do not count"
            )
        scalar = meant.scalar("a word's meaning")
        table[normalized(word)] = ABSENT if scalar is None else scalar
    return table


def _make_join(node: Node) -> Function:
    between = node.text("join", 20)
    return Function("join", lambda values: between.join(map(text_of, values)), takes_all=True)


def _as_list(values: list[Any]) -> tuple[Any, ...]:
    if unfit := [each for each in values if isinstance(each, dict | list)]:
        raise UnreadableValue(f"has {kind_of(unfit[0])} in its list")
    return tuple(values)


FUNCTIONS: dict[str, Kind] = {
    "trim": Kind(_of_text("trim", str.strip), "Without blanks at the ends.", False),
    "lower": Kind(_of_text("lower", str.lower), "In lower case.", False),
    "upper": Kind(_of_text("upper", str.upper), "In upper case.", False),
    "text": Kind(_of_text("text", str), "A number, `true` or `false` as text.", False),
    "prefix": Kind(_make_prefix, "`prefix: 'sr:'` puts text before it."),
    "suffix": Kind(_make_suffix, "`suffix: ' FC'` puts text behind it."),
    "split": Kind(
        _make_split,
        "`split: {at: ':', take: -1}` is the last part; 0 is the first. `[split: {at: ';'}, list]` makes a list of all "
        "parts but empty ones.",
    ),
    "replace": Kind(_make_replace, "`replace: {find: _, with: ' '}`, each time that it occurs."),
    "words": Kind(
        _make_words,
        "`words: {Soccer: FOOTBALL, None: null}`, a table: null leaves the field out, `'*'` is any other word; without "
        "it others stay.",
    ),
    "only_words": Kind(_make_only_words, "`only_words: {M: MALE, F: FEMALE}`; other words can't be read."),
    "number": Kind(make_number, "`number: {decimal: ',', thousands: .}` reads `1.234,50`."),
    "whole_number": Kind(
        lambda _: Function("whole_number", whole_number),
        "A number in text as a number, as `birth_year` of a CSV file needs it: `1985`.",
        False,
    ),
    "divide": Kind(make_divide, "`divide: 100`, as for amounts in cents."),
    "multiply": Kind(make_multiply, "`multiply: 1000`."),
    "unscaled": Kind(make_unscaled, "`unscaled: 2` reads Debezium's decimals in bytes, of a column with 2 decimals."),
    "time": Kind(
        make_time,
        "`time: {format: '%d/%m/%Y %H:%M', zone: Europe/London}`, or `time: {unit: microseconds}` since 1970.",
    ),
    "date": Kind(make_date, "`date: {format: '%d.%m.%Y'}`, or `date: {unit: days}` since 1970."),
    "join": Kind(_make_join, "`join: ' '` makes one text of all values found."),
    "first": Kind(_of_all("first", lambda values: values[0]), "The first of all values found.", False),
    "last": Kind(_of_all("last", lambda values: values[-1]), "The last of all values found.", False),
    "lowest": Kind(_of_all("lowest", lambda values: min(map(number_of, values))), "The lowest number found.", False),
    "highest": Kind(_of_all("highest", lambda values: max(map(number_of, values))), "The highest number found.", False),
    "list": Kind(_of_all("list", _as_list), "All values found, as a list.", False),
}
