"""The columns of a CSV file that a mapping reads."""

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Table

from .format import AllOf, Constant, FirstOf, ListRule, Mapping, ObjectRule, Rule
from .paths import Path


def names_read(mapping: Mapping) -> frozenset[str] | None:
    """The first names of the mapping's paths; None if a path may read any column."""
    first_steps = [path.steps[0] if path.steps else None for path in _paths(mapping)]
    names = [each for each in first_steps if isinstance(each, str)]
    return frozenset(names) if len(names) == len(first_steps) else None


def _paths(mapping: Mapping) -> Iterator[Path]:
    yield from _paths_of(mapping.fields)
    if mapping.remove is not None:
        yield mapping.remove.when
        yield from _paths_of({"id": mapping.remove.row_id})


def _paths_of(rules: Table[str, Rule]) -> Iterator[Path]:
    """The paths that begin at a row, without those that begin at an item of a list in a cell."""
    for rule in rules.values():
        if isinstance(rule, ListRule):
            for part in rule.parts:
                yield from part.each or _paths_of(part.fields)
        elif isinstance(rule, ObjectRule):
            yield from _paths_of(rule.fields)
        elif not isinstance(rule.source, Constant):
            yield from _source_paths(rule.source)


def _source_paths(source: FirstOf | AllOf) -> Iterable[Path]:
    return source.paths + source.optional if isinstance(source, AllOf) else source.paths
