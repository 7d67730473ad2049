"""Paths into a document: JSONPath (RFC 9535), without features that could cost more than one walk over the document.

Each path is compiled once. A path of names and indexes alone, as most are, is followed directly: the library's chain of
generators takes several times as long.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonpath import CompoundJSONPath, JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.filter import BaseExpression, FilterQuery
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import Filter, IndexSelector, NameSelector

from .processor_time import require_time

MAX_LENGTH = 200


class InvalidPath(ValueError):
    """The text is no path, or its path is not allowed; the message names the allowed forms."""


class _Environment(JSONPathEnvironment):
    """JSONPath without functions: `match` and `search` would run a mapping's regular expressions on any text."""

    def setup_function_extensions(self) -> None:
        pass

    def is_truthy(self, obj: object) -> bool:
        """The library calls this for each value that a filter tests."""
        require_time()
        return super().is_truthy(obj)


_ENVIRONMENT = _Environment(strict=True, filter_caching=False)


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path. `steps` are its names and indexes; None if it has any other segment."""

    text: str
    query: JSONPath
    steps: tuple[str | int, ...] | None

    def find(self, document: object) -> list[Any]:
        """The values at this path, in the document's order; empty if there are none."""
        if self.steps is not None:
            return _follow(document, self.steps)
        if not isinstance(document, dict | list):
            return []
        require_time()
        try:
            return self.query.findall(document)
        except RecursionError:  # a comparison of two deeply nested values raises it
            return []


@lru_cache(1_024)
def compile_path(text: str) -> Path:
    """The compiled path; the leading `$.` may be omitted. Raises InvalidPath."""
    if not text or len(text) > MAX_LENGTH:
        raise InvalidPath(f"a path has 1 to {MAX_LENGTH} characters")
    whole = text if text.startswith("$") else f"${text}" if text.startswith("[") else f"$.{text}"
    try:
        query = _ENVIRONMENT.compile(whole)
    except (JSONPathError, RecursionError) as error:
        raise InvalidPath(f"{text!r} is no JSONPath: {str(error).partition(chr(10))[0]}") from error
    if isinstance(query, CompoundJSONPath):
        raise InvalidPath(f"{text!r}: write several paths as a list")
    for segment in query.segments:
        _require_allowed(segment)
    return Path(text, query, _names_and_indexes(query))


def _require_allowed(segment: Any) -> None:
    """Raises InvalidPath unless the segment selects each value at most once, so that following a path is never slower
    than a walk over the document."""
    if not isinstance(segment, JSONPathChildSegment):
        raise InvalidPath("'..' is not allowed: name the whole path")
    if len(segment.selectors) != 1:
        raise InvalidPath("several selectors in one [ ] are not allowed: write several paths as a list")
    selector = segment.selectors[0]
    if isinstance(selector, Filter):
        for query in _queries(selector.expression):
            if _names_and_indexes(query) is None:
                raise InvalidPath("in a filter ([?..]) a path may only have names and indexes")


def _queries(expression: BaseExpression) -> Iterable[JSONPath]:
    if isinstance(expression, FilterQuery):
        yield expression.path
        return
    for child in expression.children():
        yield from _queries(child)


def _names_and_indexes(query: JSONPath) -> tuple[str | int, ...] | None:
    steps: list[str | int] = []
    for segment in query.segments:
        selector = segment.selectors[0] if len(segment.selectors) == 1 else None
        if not isinstance(segment, JSONPathChildSegment) or not isinstance(selector, NameSelector | IndexSelector):
            return None
        steps.append(selector.name if isinstance(selector, NameSelector) else selector.index)
    return tuple(steps)


def _follow(value: Any, steps: tuple[str | int, ...]) -> list[Any]:
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, Mapping) or step not in value:
                return []
        elif not isinstance(value, list) or not -len(value) <= step < len(value):
            return []
        value = value[step]
    return [value]
