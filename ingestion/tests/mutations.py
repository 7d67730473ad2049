"""Changes valid messages at random: flips, cuts and doubles bytes; drops, swaps and replaces fields."""

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from .sample_messages import SELECTION, coupon, event, impression, served, user

# Values that break decoders, databases and arithmetic.
NASTY: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**400, 0.0, -0.0, 1e-300, 1e300, 1.0000001,
    "", " ", "\x00", "A\x00B", "\ufffd", "\u2028", "\u202e",
    "İ" * 60, "ß" * 80, "x" * 101, "x" * 100_000, "NaN", "Infinity", "sNaN", "-sNaN1",
    "1e999999999", "2025-06-01", "2025-06-01T24:00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59",
    "2025-06-01T11:28:60Z", [], {}, [[]], [None], {"a": {}}, [SELECTION] * 60, [SELECTION | {"odd": "1.5"}],
]  # fmt: skip
RAW = [
    b"NaN", b"Infinity", b"-Infinity", b'"\\ud800"', b'"\\u0000"', b"1e400", b"1E-400", b"01", b"9" * 400, b"\xff",
    b"\xed\xa0\x80", b"[" * 5_000, b'"sNaN"', b'"-Infinity"', b"1e-999999999", b"1e99999999999999999999",
]  # fmt: skip


def good_messages(rng: random.Random) -> list[dict[str, Any]]:
    number = rng.randrange(1, 10_000)
    slip, seen = (of(recommendation_id=str(UUID(int=number))) for of in (served, impression))
    other_slip = slip | {"fallback": "trending", "model_version": "als-7"}
    clicked = seen | {"kind": "clicked", "event_ids": [number], "placement": "home"}
    return [
        *(user(id=number), event(id=number), coupon(id=number), slip, seen),
        *(user(id=None), event(id=None), coupon(id=None), other_slip, clicked),
    ]


def mutate(message: dict[str, Any], rng: random.Random) -> bytes:
    """The message, with up to four changes."""
    for _ in range(rng.randrange(3)):
        message = rng.choice(_FIELD_MUTATIONS)(message, rng)
    value = msgspec.json.encode(message)
    for _ in range(rng.choice((0, 0, 1, 2))):
        value = rng.choice(_BYTE_MUTATIONS)(value, rng)
    return value


def _replace(message: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return message | {rng.choice(list(message)): rng.choice([nasty for nasty in NASTY if _fits_json(nasty)])}


def _drop(message: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    gone = rng.choice(list(message))
    return {name: value for name, value in message.items() if name != gone} or message


def _swap(message: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    one, other = rng.choices(list(message), k=2)
    return message | {one: message[other], other: message[one]}


def _in_selection(message: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    selection = _replace(SELECTION, rng) if rng.random() < 0.5 else _drop(SELECTION, rng)
    return message | {"recommended_events": [selection]}


def _in_served_event(message: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    event = {"event_id": 5, "odd": 2.5, "score": 0.25}
    return message | {"events": [_replace(event, rng) if rng.random() < 0.5 else _drop(event, rng)]}


def _add(message: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return message | {rng.choice(("status", "timestamp", "source", "natural_key", "x")): rng.choice(NASTY[:12])}


def _flip(value: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(value) + 1)
    return value[:place] + bytes([rng.randrange(256)]) + value[place + 1 :]


def _cut(value: bytes, rng: random.Random) -> bytes:
    return value[: rng.randrange(len(value) + 1)]


def _double(value: bytes, rng: random.Random) -> bytes:
    first, last = sorted(rng.choices(range(len(value) + 1), k=2))
    return value[:last] + value[first:last] + value[last:]


def _put_raw(value: bytes, rng: random.Random) -> bytes:
    head, colon, tail = value.rpartition(b":")
    return head + colon + rng.choice(RAW) + tail[tail.find(b",") :] if colon else value + rng.choice(RAW)


def _fits_json(value: Any) -> bool:
    return not isinstance(value, int) or abs(value) < 2**64


_FIELD_MUTATIONS: list[Callable[[dict[str, Any], random.Random], dict[str, Any]]] = [
    _replace, _replace, _replace, _drop, _swap, _in_selection, _in_served_event, _add,
]  # fmt: skip
_BYTE_MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [_flip, _cut, _double, _put_raw]
