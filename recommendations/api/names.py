"""Checks the names of query parameters and of a body's fields."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from django.http import QueryDict

from recommendations.errors import InvalidParameter

_LIKENESS = 0.8


def check_fields(given: Iterable[str], known: Collection[str], *, of: str = "The body") -> None:
    """Raises InvalidParameter for an unknown field, with the most similar known one."""
    for name in given:
        if name not in known:
            nearest = _nearest(name, known)
            hint = f"did you mean {nearest}?" if nearest else f"known are {', '.join(known)}"
            raise InvalidParameter(f"{of} has an unknown field {_shown(name)}: {hint}")


def check_parameters(given: QueryDict, known: Collection[str]) -> None:
    """Ignores unknown query parameters, since clients and proxies add their own. Raises InvalidParameter for one with
    nearly the name of a known one, and for a known one that is given twice."""
    for name, values in given.lists():
        if name in known and len(values) > 1:
            raise InvalidParameter(f"{name} is given {len(values)} times; separate several values by commas")
        if name not in known and (nearest := _nearest(name, known)):
            raise InvalidParameter(f"There is no parameter {_shown(name)}: did you mean {nearest}?")


def _nearest(name: str, known: Collection[str]) -> str | None:
    return next(iter(get_close_matches(name[:100].lower(), known, 1, _LIKENESS)), None)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 100 else f"{name[:100]}..")
