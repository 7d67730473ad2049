"""Corrupts messages for load tests: every corrupted message is invalid."""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from ingestion.topics import Topic

_VALUES_OF_OTHER_TYPES: list[Any] = [[], {}, True]


def corrupt(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    """The message, made invalid in a random way."""
    return rng.choice(_CORRUPTIONS)(topic, value, rng)


def _truncate(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return value[: rng.randrange(1, len(value))]


def _not_json(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return b"\xff" + rng.randbytes(rng.randrange(50))


def _remove_field(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    fields = msgspec.json.decode(value)
    del fields[_required_field(topic, rng)]
    return msgspec.json.encode(fields)


def _change_type(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    fields = msgspec.json.decode(value)
    name = _required_field(topic, rng)
    fields[name] = rng.choice([other for other in _VALUES_OF_OTHER_TYPES if type(other) is not type(fields[name])])
    return msgspec.json.encode(fields)


def _not_a_number(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return value[:-1] + b', "noise": NaN}'


def _lone_surrogate(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return value[:-1] + b', "noise": "\\ud800"}'


def _too_deep(topic: Topic, value: bytes, rng: random.Random) -> bytes:
    return b"[" * 100_000


_CORRUPTIONS: list[Callable[[Topic, bytes, random.Random], bytes]] = [
    _truncate,
    _not_json,
    _remove_field,
    _change_type,
    _not_a_number,
    _lone_surrogate,
    _too_deep,
]


def _required_field(topic: Topic, rng: random.Random) -> str:
    return rng.choice([field.name for field in msgspec.structs.fields(topic.message) if field.required])
