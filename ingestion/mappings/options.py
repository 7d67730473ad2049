"""The mappings in a casino's options: for each topic the name of a shipped mapping, or a mapping itself."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Self

import msgspec

from recommendations.errors import InvalidConfiguration
from recommendations.services import change_options
from recommendations.serving.options import Options, load_options

from .errors import InvalidMapping, NoSuchMapping
from .format import Mapping
from .parse import FORMATS, parse_mapping
from .shipped import shipped_mapping, shipped_text
from .tree import read_json

OWN = "own"  # selects the mapping of the casino's options
_CACHED = 256  # stored options, at most 64 KB each


@dataclass(frozen=True, slots=True)
class ChosenMapping:
    """A mapping, the name or file that selects it, and the digest of its contents, which may change."""

    mapping: Mapping
    given: str
    digest: str

    @classmethod
    def of(cls, mapping: Mapping, given: str, text: bytes) -> Self:
        return cls(mapping, given, sha256(text).hexdigest())


def check_mappings(options: Options) -> None:
    """Raises InvalidConfiguration if a mapping in the options can't be used."""
    for topic in FORMATS:
        given = getattr(options.mapping, topic)
        try:
            if given is not None:
                find_mapping(topic, given)
        except (InvalidMapping, NoSuchMapping) as error:
            raise InvalidConfiguration(f"options: {error}") from error


def use_mapping(casino_id: int, topic: str, given: str | dict[str, Any], *, now: datetime) -> None:
    """Make the mapping the casino's option for the topic. Raises InvalidConfiguration."""

    def change(options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "mapping": {**options.get("mapping", {}), topic: given}}

    change_options(casino_id, change, now=now)


@lru_cache(_CACHED)
def stored_mapping(topic: str, stored: str) -> Mapping:
    """The mapping in an option as the catalogue's database returns it: a name, or an object in JSON. Raises
    InvalidMapping and NoSuchMapping."""
    if not stored.startswith("{"):
        return find_mapping(topic, stored)
    try:
        return find_mapping(topic, json.loads(stored))
    except ValueError as error:
        raise InvalidMapping.at(f"mapping.{topic}", f"is no JSON: {error}") from error


def choose_mapping(topic: str, name: str, options: Any) -> ChosenMapping:
    """The mapping of this release with this name, or for `own` the mapping in a casino's stored options. Raises
    InvalidMapping and NoSuchMapping."""
    if topic not in FORMATS:
        raise NoSuchMapping(f"messages of {topic} have none: send them in the usual format")
    given = getattr(load_options(options).mapping, topic) if name == OWN else name
    if given is None:
        raise NoSuchMapping(f"it is {OWN!r}, but the casino's options have no mapping.{topic}")
    text = shipped_text(given).encode() if isinstance(given, str) else msgspec.json.encode(given)
    return ChosenMapping.of(find_mapping(topic, given), name, text)


def find_mapping(topic: str, given: str | dict[str, Any]) -> Mapping:
    """The mapping in an option or a parameter: a name, or the mapping itself. Raises InvalidMapping and
    NoSuchMapping."""
    place = f"mapping.{topic}"
    mapping = shipped_mapping(given) if isinstance(given, str) else parse_mapping(read_json(given, place), place)
    if mapping.messages != topic:
        raise InvalidMapping.at(place, f"the mapping makes messages of {mapping.messages}, not of {topic}")
    return mapping
