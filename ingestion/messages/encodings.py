"""Detects the encoding of values and keys that are not plain UTF-8, and decodes unambiguous ones."""

import re
from contextlib import suppress

import msgspec

from recommendations.validation.own_ids import MAX_OWN_ID, OwnId, parse_own_id

_UTF_16 = re.compile(rb'\xff\xfe|\xfe\xff|[\s{\["]\x00|\x00[\s{\["]\x00')
_FRAMED = b"\x00"  # the magic byte of a schema registry, before a schema's id of four bytes

_QUOTE = b'"'
_LONG_BYTES = 8
# Eight bytes may also be three characters after a schema registry's five bytes, or four characters in UTF-16.
_LONG_OR_TEXT = re.compile(rb"\x00....[\x20-\x7e]{3}|(?:\x00[\x20-\x7e]){4}|(?:[\x20-\x7e]\x00){4}", re.DOTALL)


def problem_of_encoding(value: bytes) -> str:
    """The encoding or format of a value that is not JSON in UTF-8; empty if unknown."""
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


def parse_key(key: bytes) -> OwnId | None:
    """The id in a key: text, the same as JSON text, or eight bytes, the most significant first (Java's LongSerializer).
    None for any other key, and for eight bytes that are one id as text and another as a number."""
    text = _text_of(key)
    own = None if text is None else parse_own_id(text)
    if len(key) != _LONG_BYTES or isinstance(own, int) or (own is not None and key.startswith(_QUOTE)):
        return own
    number = int.from_bytes(key, "big")
    if number > MAX_OWN_ID:
        return own
    could_be_text = (text is not None and text.isprintable()) or _LONG_OR_TEXT.fullmatch(key)
    return None if could_be_text or number == 0 else number


def _text_of(key: bytes) -> str | None:
    """The text; None for bytes that are not text, and for a quotation mark at one end only."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        if key.startswith(_QUOTE) and key.endswith(_QUOTE):
            return msgspec.json.decode(key, type=str)
        return None if key.startswith(_QUOTE) or key.endswith(_QUOTE) else key.decode()
    return None
