"""The unread columns of a CSV file: an unread status, under another name, would make excluded users active."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

_SHOWN = 20
_LONGEST = 60  # characters of a name


class LeftOutColumns:
    """The unread columns; empty until the file's first line is read."""

    def __init__(self) -> None:
        self._columns: dict[str, str] = {}  # column -> the similar name that it may stand for, or empty text

    def note(self, columns: Iterable[str], unused: Collection[str]) -> None:
        """Note the unread `columns`. `unused` are the readable names that the file lacks."""
        by_form = {_form(name): name for name in unused}
        self._columns = {name: _nearest_name(_form(name), by_form) for name in columns if name.strip()}

    def __str__(self) -> str:
        """One line; empty if all columns are read."""
        if not self._columns:
            return ""
        shown = [_described(*each) for each in list(self._columns.items())[:_SHOWN]]
        more = len(self._columns) - len(shown)
        return f"Columns left out: {', '.join(shown)}{f', and {more} more' if more else ''}."


def _form(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _nearest_name(form: str, by_form: dict[str, str]) -> str:
    beginning = [each for each in by_form if form and each.startswith(form)]
    found = beginning or get_close_matches(form, by_form, 1)
    return by_form[found[0]] if found else ""


def _described(column: str, near: str) -> str:
    name = repr(column[:_LONGEST])
    return f"{name} (did you mean {near}?)" if near else name
