"""Mappings for tests, from their YAML."""

from textwrap import dedent
from typing import Any

import msgspec
import pytest

from ingestion.mappings.apply import map_document
from ingestion.mappings.errors import InvalidMapping
from ingestion.mappings.format import Mapping
from ingestion.mappings.parse import parse_mapping
from ingestion.mappings.tree import read_yaml


def mapping_of(text: str) -> Mapping:
    return parse_mapping(read_yaml(dedent(text), "m.yaml"), "m")


def problems_of(text: str) -> list[str]:
    with pytest.raises(InvalidMapping) as caught:
        mapping_of(text)
    return [str(problem) for problem in caught.value.problems]


def mapped(mapping: Mapping, document: Any) -> list[dict[str, Any]]:
    """The messages' fields. Bytes are the document itself, any other value is sent as JSON."""
    raw = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return [msgspec.json.decode(message.value or b"null") for message in map_document(mapping, raw)]


def field_of(rule: str, document: Any, field: str = "league") -> Any:
    """The value of one field with this rule; the text of its problem if it can't be read, None if it is missing."""
    mapping = mapping_of(f"messages: events\nfields:\n  {field}: {rule}\n")
    [message] = map_document(mapping, msgspec.json.encode(document))
    if field in message.problems:
        return message.problems[field]
    return msgspec.json.decode(message.value or b"null").get(field)
