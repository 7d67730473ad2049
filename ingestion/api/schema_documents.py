"""The JSON Schemas of the topics' messages, as documents: the files of docs/schemas, and responses of the API."""

from functools import cache
from typing import Any

import msgspec

from ingestion.messages.schemas import schema
from ingestion.topics import TOPICS


def schema_document(topic: str) -> dict[str, Any]:
    """The schema, whose `$id` is its path in the API."""
    described = schema(TOPICS[topic].message)
    return {"$schema": described.pop("$schema"), "$id": f"/api/schemas/{topic}.json", **described}


@cache
def encoded_schema(topic: str) -> bytes:
    return encode_document(schema_document(topic))


def encode_document(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
