"""Tells values and keys that are in another encoding than plain UTF-8 by name, and reads what can be one thing only."""

import re

import msgspec

from tenants.numbers import parse_whole_number

from .envelope import Envelope

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = re.compile(rb'\xff\xfe|\xfe\xff|[\s{\["]\x00|\x00[\s{\["]\x00')
_FRAMED = b"\x00"  # the magic byte of a schema registry, before a schema's id of four bytes

_LONG_BYTES = 8
# Of eight bytes, also three characters behind the five bytes of a schema registry, and four characters in UTF-16.
_LONG_OR_TEXT = re.compile(rb"\x00....[\x20-\x7e]{3}|(?:\x00[\x20-\x7e]){4}|(?:[\x20-\x7e]\x00){4}", re.DOTALL)


def without_byte_order_mark(envelope: Envelope) -> Envelope:
    value = envelope.value
    if value is None or not value.startswith(_BYTE_ORDER_MARK):
        return envelope
    return msgspec.structs.replace(envelope, value=value.removeprefix(_BYTE_ORDER_MARK))


def problem_of_encoding(value: bytes) -> str:
    """What else than JSON in UTF-8 a value is; empty if that can't be told."""
    if value.startswith(b"{"):
        return "the value is UTF-16: send UTF-8" if value[1:2] == b"\x00" else ""
    if _UTF_16.match(value):
        return "the value is UTF-16: send UTF-8"
    if value.startswith(_FRAMED):
        return (
            "the value begins with the byte 0, as a schema registry's serializers write it (a magic byte, then the "
            "schema's id): send plain JSON, with a serializer that uses no schema registry"
        )
    return ""


def parse_key(key: bytes) -> int | None:
    """The id in a key: digits, the same in quotes (JSON text), or eight bytes, the most significant first (Java's
    LongSerializer). None for anything else, and for eight bytes that could be text too."""
    digits = key[1:-1] if len(key) > 2 and key.startswith(b'"') and key.endswith(b'"') else key
    if (row_id := parse_whole_number(digits.decode("latin-1"), 0, 10**19)) is not None:
        return row_id
    if len(key) != _LONG_BYTES or _is_text(key) or _LONG_OR_TEXT.fullmatch(key):
        return None
    return int.from_bytes(key, "big")


def _is_text(key: bytes) -> bool:
    try:
        return key.decode().isprintable()
    except UnicodeDecodeError:
        return False
