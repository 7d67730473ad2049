"""Finds a message's fields by name, even if the message is no valid JSON: cut, in another encoding, with a trailing
comma, NaN, single quotes, .."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from recommendations.errors import InvalidRow

from .envelope import Envelope

_SCANNED_BYTES = 65_536
# Text in quotes, perhaps cut; punctuation; other characters, such as a number. Text after a quote always matches, in
# exactly one way: else the time would grow with the square of the number of escaped quotes.
_TOKEN = re.compile(
    rb'"(?:[^"\\]|\\.?)*+(?:"|\Z)|\'(?:[^\'\\]|\\.?)*+(?:\'|\Z)|[{}\[\]:,]|[^\s{}\[\]:,"\']+', re.DOTALL
)
# Finds fields that a stray quote hides from the tokens.
_PAIR = re.compile(rb'\b(id|status)\b["\'\\]*\s*:\s*\\?("[^"]*"?|[^\s,}\]]+)', re.IGNORECASE)
_DECODE_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Fields:
    """A message's fields: name in lower case -> values in JSON, more than one only in a damaged message.

    `is_id_doubtful`: the id may be cut, or that of an inner object.
    """

    is_whole: bool
    values: dict[str, list[bytes]] = field(default_factory=dict)
    is_id_doubtful: bool = False


def find_fields(envelope: Envelope, resolve: Callable[[Envelope], bytes]) -> Fields:
    """The message's fields. `resolve` returns the message with each field once, or raises InvalidRow."""
    try:
        found = _DECODE_FIELDS(resolve(envelope))
    except (msgspec.DecodeError, InvalidRow, UnicodeDecodeError, RecursionError):
        return scan_fields(envelope.value or b"")
    values: dict[str, list[bytes]] = {}
    for name, value in found.items():
        values.setdefault(_plain(name), []).append(bytes(value))
    return Fields(True, values)


def scan_fields(value: bytes) -> Fields:
    """The detectable fields of the outermost object, in the first bytes of the message."""
    # UTF-16 without its zero bytes is ASCII
    text = value[:_SCANNED_BYTES].replace(b"\x00", b"")
    fields: dict[str, list[bytes]] = {}
    for name, found in _outermost_pairs(text):
        fields.setdefault(name, []).append(found)
    is_doubtful = "id" not in fields or text.endswith(fields["id"][-1])
    for match in _PAIR.finditer(text):
        name = match[1].decode().lower()
        if name not in fields:
            fields[name] = [match[2]]
    return Fields(False, fields, is_doubtful)


def _outermost_pairs(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and values in objects that are in no other object: also in a list of objects, and if the first brace is
    missing."""
    depth, name, before = 0, "", b""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if name:
            yield name, _in_double_quotes(token)
            name = ""
        if token == b"{":
            depth += 1
        elif token == b"}":
            depth -= 1
        elif token == b":" and depth <= 1:
            name = _name(before)
        before = token


def _name(token: bytes) -> str:
    try:
        return _plain(msgspec.json.decode(token, type=str))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return token.strip(b"\"'").decode("latin-1").lower()


def _plain(name: str) -> str:
    """The field's name from a CSV converter's, which may have capitals, blanks, or a byte order mark."""
    return name.strip(" \t\ufeff").lower()


def _in_double_quotes(token: bytes) -> bytes:
    return b'"' + token.strip(b"'").replace(b'"', b"") + b'"' if token.startswith(b"'") else token
