"""The functions of mappings. Each is made from its arguments in the mapping, which are checked first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recommendations.validation.status_words import normalized

from .errors import InvalidMapping, UnreadableValue
from .number_functions import make_divide, make_multiply, make_number, make_unscaled, negate, whole_number
from .text_functions import (
    before_number,
    make_not_starting_with,
    make_prefix,
    make_replace,
    make_split,
    make_starting_with,
    make_suffix,
    number_at_end,
    on_text,
)
from .time_functions import make_date, make_time
from .tree import Node, unknown
from .values import ABSENT, Function, kind_of, number_of, text_of

MAX_WORDS = 1_000
_ALL_OTHERS = "*"


@dataclass(frozen=True, slots=True)
class Kind:
    """A function's name, its constructor and its description. `make` gets None if the function takes no arguments."""

    make: Callable[[Node], Function]
    meaning: str
    has_arguments: bool = True


def make_function(node: Node) -> Function:
    """The function in one item of `then`, such as `lower`, or `split: {at: ..}`. Raises InvalidMapping."""
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


def _reduce(name: str, choose: Callable[[list[Any]], Any]) -> Callable[[Node], Function]:
    return lambda _: Function(name, choose, takes_all=True)


def _make_words(node: Node) -> Function:
    """Translates words by a table. Words outside the table stay unless it has `*`: the service itself knows many words
    for a status."""
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


def _make_codes(node: Node) -> Function:
    """Translates exact codes: -1 is another code than 1."""
    table = _entries("codes", node)

    def translate(value: Any) -> Any:
        code = text_of(value)
        if code not in table:
            raise UnreadableValue("is none of the codes of codes")
        return table[code]

    return Function("codes", translate)


def _table(name: str, node: Node) -> Mapping[str, Any]:
    table: dict[str, Any] = {}
    for word, meant in _entries(name, node).items():
        if normalized(word) in table:
            raise InvalidMapping.at(
                _nodes(node)[word].key_place, f"{word[:40]!r} occurs twice: case, blanks, -, _, . do not count"
            )
        table[normalized(word)] = meant
    return table


def _entries(name: str, node: Node) -> Mapping[str, Any]:
    if not 0 < len(_nodes(node)) <= MAX_WORDS:
        raise node.fail(f"{name} is a table of 1 to {MAX_WORDS} words, such as {{NS: open, FT: settled}}")
    meanings = {word: each.scalar("a word's meaning") for word, each in _nodes(node).items()}
    return {word: ABSENT if meant is None else meant for word, meant in meanings.items()}


def _nodes(node: Node) -> Mapping[str, Node]:
    return node.value if isinstance(node.value, dict) else {}


def _make_join(node: Node) -> Function:
    between = node.text("join", 20)
    return Function("join", lambda values: between.join(map(text_of, values)), takes_all=True)


def _sorted(values: list[Any]) -> list[Any]:
    return sorted(values, key=text_of)


def _as_list(values: list[Any]) -> tuple[Any, ...]:
    if unfit := [each for each in values if isinstance(each, dict | list)]:
        raise UnreadableValue(f"has {kind_of(unfit[0])} in its list")
    return tuple(values)


FUNCTIONS: dict[str, Kind] = {
    "trim": Kind(on_text("trim", str.strip), "Without blanks at the ends.", False),
    "lower": Kind(on_text("lower", str.lower), "In lower case.", False),
    "upper": Kind(on_text("upper", str.upper), "In upper case.", False),
    "text": Kind(on_text("text", str), "A number, `true` or `false` as text.", False),
    "prefix": Kind(make_prefix, "`prefix: 'sr:'` puts text before it."),
    "suffix": Kind(make_suffix, "`suffix: ' FC'` puts text behind it."),
    "split": Kind(
        make_split,
        "`split: {at: ':', take: -1}` is the last part; 0 is the first. `[split: {at: ';'}, list]` makes a list of all "
        "parts but empty ones.",
    ),
    "starting_with": Kind(
        make_starting_with,
        "`starting_with: ['total=', 'hcp=']`: of the values, those that begin so, without it; of none, nothing.",
    ),
    "not_starting_with": Kind(
        make_not_starting_with, "`not_starting_with: ['total=', 'hcp=']`: of the values, those that do not begin so."
    ),
    "before_number": Kind(on_text("before_number", before_number), "`Over` of `Over 2.5`; other text stays.", False),
    "number_at_end": Kind(
        on_text("number_at_end", number_at_end), "`2.5` of `Over 2.5`; of other text nothing.", False
    ),
    "replace": Kind(make_replace, "`replace: {find: _, with: ' '}`, each time that it occurs."),
    "words": Kind(
        _make_words,
        "`words: {Soccer: FOOTBALL, None: null}`, a table: null leaves the field out, `'*'` is any other word; without "
        "it others stay.",
    ),
    "only_words": Kind(_make_only_words, "`only_words: {M: MALE, F: FEMALE}`; other words can't be read."),
    "codes": Kind(
        _make_codes,
        "`codes: {'1': open, '-1': suspended}`: as `only_words`, but `-1` is not `1`: compared to the letter.",
    ),
    "number": Kind(make_number, "`number: {decimal: ',', thousands: .}` reads `1.234,50`."),
    "whole_number": Kind(
        lambda _: Function("whole_number", whole_number),
        "A number in text as a number, as `birth_year` of a CSV file needs it: `1985`.",
        False,
    ),
    "divide": Kind(make_divide, "`divide: 100`, as for amounts in cents."),
    "multiply": Kind(make_multiply, "`multiply: 1000`."),
    "negate": Kind(
        lambda _: Function("negate", negate),
        "The number with the other sign: the away team's handicap as the home team's.",
        False,
    ),
    "unscaled": Kind(make_unscaled, "`unscaled: 2` reads Debezium's decimals in bytes, of a column with 2 decimals."),
    "time": Kind(
        make_time,
        "`time: {format: '%d/%m/%Y %H:%M', zone: Europe/London}`, or `time: {unit: microseconds}` since 1970.",
    ),
    "date": Kind(make_date, "`date: {format: '%d.%m.%Y'}`, or `date: {unit: days}` since 1970."),
    "join": Kind(_make_join, "`join: ' '` makes one text of all values found."),
    "first": Kind(_reduce("first", lambda values: values[0]), "The first of all values found.", False),
    "last": Kind(_reduce("last", lambda values: values[-1]), "The last of all values found.", False),
    "lowest": Kind(_reduce("lowest", lambda values: min(map(number_of, values))), "The lowest number found.", False),
    "highest": Kind(_reduce("highest", lambda values: max(map(number_of, values))), "The highest number found.", False),
    "sort": Kind(
        lambda _: Function("sort", _sorted, takes_all=True, makes_several=True),
        "All values found, in the order of their characters, each by itself.",
        False,
    ),
    "list": Kind(_reduce("list", _as_list), "All values found, as a list.", False),
}
