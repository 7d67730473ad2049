"""Which columns of a CSV file a mapping reads."""

from collections.abc import Iterable, Iterator

from .format import AllOf, Constant, FieldRule, FirstOf, ListRule, Mapping, Rule
from .paths import Path


def names_read(mapping: Mapping) -> frozenset[str] | None:
    """The names at which the mapping's paths begin; None if a path may read any column."""
    firsts = [path.steps[0] if path.steps else None for path in _paths(mapping)]
    names = [each for each in firsts if isinstance(each, str)]
    return frozenset(names) if len(names) == len(firsts) else None


def _paths(mapping: Mapping) -> Iterator[Path]:
    yield from _paths_of(mapping.fields.values())
    if mapping.remove is not None:
        yield mapping.remove.when
        yield from _paths_of([mapping.remove.row_id])


def _paths_of(rules: Iterable[Rule]) -> Iterator[Path]:
    for rule in rules:
        if isinstance(rule, ListRule):
            yield rule.each
        elif isinstance(rule, FieldRule) and not isinstance(rule.source, Constant):
            yield from _of_source(rule.source)


def _of_source(source: FirstOf | AllOf) -> Iterable[Path]:
    return source.paths
