"""Stores the messages of one HTTP request, once for all requests with the same Idempotency-Key."""

from collections.abc import Sequence
from hashlib import sha256

from django.utils import timezone

from ingestion.messages.envelope import Door
from ingestion.outcomes import MessageResult
from ingestion.topics import Topic
from tenants.models import Casino

from .ledger import UploadId, find_progress
from .outcomes import ItemOutcome, outcome_of
from .store import UploadedMessage, UploadStore

CHUNK = 1_000  # messages of a transaction: some 0.1 s


def request_upload(topic: Topic, key: str, *parts: bytes) -> UploadId | None:
    """The upload of a request with this Idempotency-Key, whose repeats have the same parts; None without a key."""
    if not key:
        return None
    digest = sha256()
    for part in (topic.name.encode(), *parts):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return UploadId(Door.HTTP, key, topic.name, digest.hexdigest())


def store_request(
    *, casino: Casino, topic: Topic, upload: UploadId | None, messages: Sequence[UploadedMessage]
) -> list[ItemOutcome]:
    """Store the messages, numbered from 0, in the current casino; what became of each.

    A repeat continues where the earlier request ended, and has its outcomes. Raises UploadChanged, UploadInProgress;
    DatabaseUnavailable and other database errors once a chunk can't be stored: those before it are.
    """
    progress = None if upload is None else find_progress(upload)
    received_at = timezone.now() if progress is None else progress.received_at
    done = 0 if progress is None else progress.next_offset
    if progress is not None and done >= len(messages):
        return progress.outcomes
    store = UploadStore(topic, casino, Door.HTTP, upload=upload, received_at=received_at)
    results: list[MessageResult] = []
    for start in range(0, len(messages), CHUNK):
        if chunk := messages[max(start, done) : start + CHUNK]:
            results += store.store(chunk, timezone.now())
    if store.progress is not None:
        return store.progress.outcomes
    return [outcome_of(each) for each in sorted(results, key=lambda each: each.envelope.place.offset)]
