"""Reads and checks the environment's variables for the settings.

Each method declares a variable: its name, its default, and its allowed values. All wrong values are collected, so that
one start reports them all, one line each. Values of secrets are never shown. An empty value counts as not set. Instead
of a variable `NAME`, `NAME_FILE` may name a file with the value.
"""

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
D = TypeVar("D")

# PostgreSQL and Kafka store milliseconds in 31 bits.
SECONDS = 2_000_000
# Small enough that adding it to a date can't overflow.
DAYS = 365_000
SIZE = 2**31 - 1

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_URL = "postgres://user:password@host:port/database, with special characters percent-encoded"
_FILE = "_FILE"
_FILE_BYTES = 1_000_000  # a certificate chain has some thousands
_LIKENESS = 0.9  # similarity of a misspelled name: about one wrong letter in ten


# The methods of Environment have the names of these types.
_Str: TypeAlias = str
_Int: TypeAlias = int
_Float: TypeAlias = float
_Bool: TypeAlias = bool


class Environment:
    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._from_files: dict[_Str, _Str] = {}
        self._known: set[str] = set()
        self._problems: list[str] = []
        self._warnings: list[str] = []

    def str(
        self,
        name: _Str,
        *,
        default: _Str = "",
        pattern: _Str = ".*",
        allowed: _Str = "a text",
        is_secret: _Bool = False,
    ) -> _Str:
        """A text that matches `pattern`; `allowed` describes the pattern in errors."""
        return self._read(name, default, lambda text: _matched(pattern, text), allowed, is_secret=is_secret)

    def choice(self, name: _Str, *, default: _Str, of: Collection[_Str]) -> _Str:
        return self._read(name, default, lambda text: _one_of(of, text), f"one of {', '.join(of)}")

    def bool(self, name: _Str, *, default: _Bool) -> _Bool:
        return self._read(name, default, _flag, "1 or 0")

    def int(self, name: _Str, *, default: _Int, at_least: _Int = 0, at_most: _Int = SIZE) -> _Int:
        allowed = f"a whole number from {at_least} to {at_most}"
        return self._read(name, default, lambda text: _whole_number(text, at_least, at_most), allowed)

    def float(self, name: _Str, *, default: _Float, at_least: _Float = 0, at_most: _Float = SECONDS) -> _Float:
        allowed = f"a number from {at_least:.12g} to {at_most:.12g}"
        return self._read(name, default, lambda text: _number(text, at_least, at_most), allowed)

    def decimal(self, name: _Str, *, default: _Str) -> Decimal:
        """An amount of money above 0."""
        return self._read(name, Decimal(default), _amount, "an amount of money above 0, like 10.00")

    def list(
        self, name: _Str, *, default: Iterable[_Str], pattern: _Str = r"\S.*", allowed: _Str = "names"
    ) -> Sequence[_Str]:
        """One or more values, separated by commas."""
        return self._read(name, [*default], lambda text: _items(text, pattern), f"{allowed}, separated by commas")

    def table(
        self, name: _Str, *, default: Iterable[_Str], value: Callable[[_Str], T], pattern: _Str, allowed: _Str
    ) -> dict[_Str, T]:
        """Values by upper-case names, as name=value, separated by commas."""
        pairs = (each.rpartition("=") for each in self.list(name, default=default, pattern=pattern, allowed=allowed))
        return {key.upper(): value(text) for key, _, text in pairs}

    def database(self, name: _Str) -> dict[_Str, Any] | None:
        """Django's settings of the PostgreSQL database with this URL; None if the variable is not set."""
        return self._read(name, None, parse_database_url, _URL, is_secret=True)

    def folder(self, name: _Str, *, default: D, is_created: _Bool = False) -> Path | D:
        parse = _created_folder if is_created else _folder
        return self._read(name, default, parse, "a folder that the service can create and write to")

    def require(self, name: _Str, *, because: _Str, allowed: _Str) -> None:
        """Require that the variable is set; `because` is the reason in the error."""
        if not self._value(name) and name not in self._from_files:  # an unreadable file is reported already
            self.refuse(f"{name} is not set, and {because}: set it to {allowed}.")

    def refuse(self, problem: _Str) -> None:
        self._problems.append(problem)

    def warn_if_set(self, name: _Str, instead: _Str) -> None:
        """Warn of a variable of earlier releases; `instead` names its replacement."""
        if self._value(name):
            self._warnings.append(f"{name} is no longer read: {instead}.")

    def matching(self, pattern: _Str) -> dict[_Str, _Str]:
        """The values of the set variables whose whole name matches, by the pattern's first group."""
        names = {name.removesuffix(_FILE) for name in self._variables}
        found = {name: match[1] for name in sorted(names) if (match := re.fullmatch(pattern, name))}
        self._known |= found.keys()
        return {key: name for name, key in found.items() if self._value(name)}

    def check(self) -> None:
        """Warn of removed variables, and of unknown ones that may be misspelled. Raises ImproperlyConfigured for wrong
        values."""
        lines = [*self.misspelled(), *self._warnings, *self._problems]
        if self._problems:
            raise ImproperlyConfigured("\n".join(lines))
        sys.stderr.writelines(f"{line}\n" for line in lines)

    def misspelled(self) -> Iterable[_Str]:
        lines = []
        for name in sorted(self._variables.keys() - self._known):
            meant = get_close_matches(name.upper(), self._known, n=1, cutoff=_LIKENESS)
            if meant:
                lines.append(f"The variable {name} is not one of this service's: do you mean {meant[0]}?")
        return lines

    def text(self, name: _Str) -> _Str:
        """The variable's unchanged value, or the content of its file without the newline at its end; empty if neither
        is set."""
        self._known |= {name, f"{name}{_FILE}"}
        if name not in self._from_files and self._variables.get(f"{name}{_FILE}", "").strip():
            self._from_files[name] = self._content(name)
        return self._from_files.get(name, self._variables.get(name, ""))

    def _content(self, name: _Str) -> _Str:
        """The content of the variable's file. Errors show neither the content nor the path, which may be a secret by
        mistake."""
        variable = f"{name}{_FILE}"
        if self._variables.get(name, "").strip():
            self.refuse(f"{name} and {variable} are both set: unset one of them.")
            return ""
        try:
            content = _read_file(Path(self._variables[variable].strip()))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.refuse(f"{variable} names a file that can't be read: {reason}.")
            return ""
        if not content.strip():
            self.refuse(f"{variable} names an empty file: write the value of {name} into it.")
        return content

    def _value(self, name: _Str) -> _Str:
        return self.text(name).strip()

    def _read(
        self, name: _Str, default: D, parse: Callable[[_Str], T], allowed: _Str, *, is_secret: _Bool = False
    ) -> T | D:
        value = self._value(name)
        if not value:
            return default
        if is_secret:  # a space or newline at the end is part of the value
            value = self.text(name)
        try:
            return parse(value)
        except (ValueError, OSError):
            is_hidden = is_secret or name in self._from_files
            found = "has a wrong value (not shown: it may be secret)" if is_hidden else f"is {value[:80]!r}"
            self.refuse(f"{name} {found}; allowed is {allowed}.")
            return default


def parse_database_url(url: str) -> dict[str, Any]:
    """Django's settings. Raises ValueError unless the URL is PostgreSQL's and names a database."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql", "psql", "pgsql") or not parts.path.strip("/"):
        raise ValueError(f"not a URL of a PostgreSQL database: the scheme is {parts.scheme!r}")
    found: dict[str, Any] = environ.Env.db_url_config(url)
    # a socket's folder, percent-encoded as in PostgreSQL's own URLs
    return {**found, "HOST": unquote(str(found["HOST"]))}


@contextmanager
def exit_if_misconfigured() -> Iterator[None]:
    """For entry points: on wrong settings, end the process with the problems and without a traceback."""
    try:
        yield
    except ImproperlyConfigured as error:
        sys.exit(str(error))


def _read_file(path: Path) -> str:
    """The file's text without the newline at its end. Raises OSError, and ValueError for content that is not text."""
    with path.open("rb") as file:
        content = file.read(_FILE_BYTES + 1)
    if len(content) > _FILE_BYTES:
        raise ValueError(f"it has more than {_FILE_BYTES} bytes")
    if b"\0" in content:
        raise ValueError("it has a NUL byte")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None  # its own message shows a byte of the secret


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _created_folder(text: str) -> Path:
    folder = _folder(text)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _matched(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text, re.DOTALL):
        raise ValueError(f"{text!r} does not match {pattern}")
    return text


def _one_of(choices: Collection[str], text: str) -> str:
    if text not in choices:
        raise ValueError(f"{text!r} is not a choice")
    return text


def _flag(text: str) -> bool:
    return _one_of((*_TRUE, *_FALSE), text.lower()) in _TRUE


def _whole_number(text: str, at_least: int, at_most: int) -> int:
    if not re.fullmatch("[0-9]{1,15}", text) or not at_least <= int(text) <= at_most:
        raise ValueError(f"{text!r} is not a whole number from {at_least} to {at_most}")
    return int(text)


def _number(text: str, at_least: float, at_most: float) -> float:
    if not _NUMBER.fullmatch(text) or not at_least <= float(text) <= at_most:
        raise ValueError(f"{text!r} is not a number from {at_least} to {at_most}")
    return float(text)


def _amount(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,2})?", text) or not Decimal(text):
        raise ValueError(f"{text!r} is not an amount of money")
    return Decimal(text)


def _items(text: str, pattern: str) -> list[str]:
    return [_matched(pattern, item.strip()) for item in text.split(",") if item.strip()]
