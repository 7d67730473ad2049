"""Messages spoilt on purpose, for trying out what becomes of them. None of them can be stored."""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from ingestion.topics import Topic

_NOTHING_LIKE_IT: list[Any] = [[], {}, True]


def spoil(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    """A message of the topic, spoilt in one of several ways, each of which makes it invalid."""
    return rng.choice(_WAYS)(topic, value, rng)


def _truncate(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return value[: rng.randrange(1, len(value))]


def _not_json(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return b"\xff" + rng.randbytes(rng.randrange(50))


def _leave_out(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    fields = msgspec.json.decode(value)
    del fields[_required(topic, rng)]
    return msgspec.json.encode(fields)


def _of_another_type(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    fields = msgspec.json.decode(value)
    name = _required(topic, rng)
    fields[name] = rng.choice([other for other in _NOTHING_LIKE_IT if type(other) is not type(fields[name])])
    return msgspec.json.encode(fields)


def _not_a_number(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return value[:-1] + b', "noise": NaN}'


def _lone_surrogate(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return value[:-1] + b', "noise": "\\ud800"}'


def _too_deep(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return b"[" * 100_000


_WAYS: list[Callable[[Topic, bytes, random.Random], bytes]] = [
    _truncate,
    _not_json,
    _leave_out,
    _of_another_type,
    _not_a_number,
    _lone_surrogate,
    _too_deep,
]


def _required(topic: Topic, rng: random.Random) -> str:
    return rng.choice([field.name for field in msgspec.structs.fields(topic.message) if field.required])
