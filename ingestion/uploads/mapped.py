"""Turns the messages that a mapping makes into messages of an upload."""

from collections.abc import Iterable, Iterator

import msgspec

from ingestion.mappings.apply import MappedMessage

from .store import UploadedMessage


def uploaded(messages: Iterable[MappedMessage], first: int) -> Iterator[UploadedMessage]:
    """The messages, numbered from `first`."""
    for number, message in enumerate(messages, start=first):
        key = msgspec.json.encode(message.row_id) if message.row_id else None
        yield UploadedMessage(number, message.value, key, problems=message.problems, removed_at=message.removed_at)
