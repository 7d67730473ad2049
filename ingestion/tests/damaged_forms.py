"""Forms of damaged messages: each function takes the message and returns the damaged bytes."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]
Damage = Callable[[Message], bytes]
DEEP = 5_000


def _json(message: Message) -> bytes:
    return json.dumps(message).encode()


def _with_raw(message: Message, raw: bytes) -> bytes:
    """The message with this text before its last brace."""
    return _json(message)[:-1] + raw + b"}"


def _after_status(message: Message) -> bytes:
    """The message with the fields after its id in reverse order, cut after the last."""
    return _json({"id": message["id"]} | dict(reversed(message.items())))[:-2]


def _open_beside(message: Message, *, is_first: bool) -> bytes:
    """The message with a second status that permits bets, or with only that one."""
    mild = "active" if "birth_year" in message or message["id"] < 900_000 else "open"
    pair = f'"status": "{mild}"'.encode()
    if "status" not in message:
        return _json(message)[:-2] + b","  # no status to contradict: cut in the middle of the last value
    return b"{" + pair + b", " + _json(message)[1:] if is_first else _with_raw(message, b", " + pair)


def _renamed(message: Message, name: str, other: str) -> Message:
    return {other if field == name else field: value for field, value in message.items()}


DAMAGED: dict[str, Damage] = {
    "as it is": _json,
    "last brace lost": lambda message: _json(message)[:-1],
    "first brace lost": lambda message: _json(message)[1:],
    "cut in the middle": lambda message: _json(message)[: max(len(_json(message)) // 2, 14)],
    "cut behind the id": lambda message: _json({"id": message["id"]})[:-1],
    "cut in the last value": _after_status,
    "trailing comma": lambda message: _with_raw(message, b","),
    "text behind": lambda message: _json(message) + b" x",
    "two objects": lambda message: _json(message) * 2,
    "list of one": lambda message: b"[" + _json(message) + b"]",
    "JSON in text": lambda message: json.dumps(json.dumps(message)).encode(),
    "NaN": lambda message: _with_raw(message, b', "extra": NaN'),
    "Infinity": lambda message: _with_raw(message, b', "extra": -Infinity'),
    "too large a number": lambda message: _with_raw(message, b', "extra": ' + b"9" * 5_000),
    "leading zero": lambda message: _with_raw(message, b', "extra": 007'),
    "single quotes": lambda message: repr(message).encode(),
    "names without quotes": lambda message: (
        b"{" + b", ".join(name.encode() + b": " + json.dumps(value).encode() for name, value in message.items()) + b"}"
    ),
    "byte order mark": lambda message: b"\xef\xbb\xbf" + _json(message),
    "UTF-16": lambda message: _json(message).decode().encode("utf-16"),
    "UTF-16 without a mark": lambda message: _json(message).decode().encode("utf-16-be"),
    "invalid UTF-8": lambda message: _with_raw(message, b', "extra": "\xff\xfe"'),
    "invalid UTF-8 in a name": lambda message: _with_raw(message, b', "ex\xfftra": 1'),
    "lone surrogate": lambda message: _with_raw(message, b', "extra": "\\ud800"'),
    "control character": lambda message: _with_raw(message, b', "extra": "a\x00\nb"'),
    "schema registry's frame": lambda message: b"\x00\x00\x00\x00\x07" + _json(message),
    "comment": lambda message: b"/* closing */ " + _json(message),
    "nested too deeply": lambda message: _with_raw(message, b', "extra": ' + b"[" * DEEP + b"]" * DEEP),
    "stray quote": lambda message: _with_raw(message, b', "extra": "a"b"'),
    "an open status first": lambda message: _open_beside(message, is_first=True),
    "an open status last": lambda message: _open_beside(message, is_first=False),
    "id as text": lambda message: _json(message | {"id": str(message["id"])}),
    "id with a fraction": lambda message: _json(message | {"id": float(message["id"])}),
    "id in capitals": lambda message: _json(_renamed(message, "id", "ID")),
    "status in capitals": lambda message: _json(_renamed(message, "status", "STATUS")),
    "escaped name": lambda message: _json(message).replace(b'"status"', b'"st\\u0061tus"'),
    "another id beside": lambda message: _with_raw(message, b', "id": 1'),
    "id of a league": lambda message: b'{"extra": {"id": 1}, ' + _json(message)[1:],
}

# These have no readable id: only the message's key identifies the row.
KEYED: dict[str, Damage] = {
    "compressed": lambda message: gzip.compress(_json(message), mtime=0),
    "base64": lambda message: base64.b64encode(_json(message)),
    "empty": lambda message: b"",
    "no object": lambda message: b"null",
    "id lost": lambda message: _json(message | {"id": None})[:-1],
    "in another language": lambda message: b"<event><status>closed</status></event>",
}
