"""Stores the messages of one HTTP request, once for all requests with the same Idempotency-Key."""

from collections.abc import Sequence
from hashlib import sha256

from django.utils import timezone

from ingestion.errors import UploadReadDifferently
from ingestion.messages.envelope import Transport
from ingestion.messages.results import MessageResult
from ingestion.storing.transaction import REPEATED
from ingestion.topics import Topic
from tenants.models import Casino

from .ledger import UploadId, find_progress, require_same
from .outcomes import ItemOutcome, outcome_of
from .store import UploadedMessage, UploadStore

CHUNK = 1_000  # messages of a transaction: some 0.1 s


def request_upload(topic: Topic, key: str, *parts: bytes, reading: str = "") -> UploadId | None:
    """The upload of a request with this Idempotency-Key, whose repeats have the same parts; None without a key.
    `reading` is the digest of the mapping that makes its messages."""
    if not key:
        return None
    digest = sha256()
    for part in (topic.name.encode(), *parts):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    found = digest.hexdigest()
    return UploadId(Transport.HTTP, key, topic.name, found, f"{key}.{found[:16]}", reading)


def find_earlier_outcomes(upload: UploadId) -> list[ItemOutcome] | None:
    """The outcomes of this upload's messages in the current casino, if another version of its mapping made them; else
    None. Raises UploadReadDifferently if they are stored in part."""
    progress = find_progress(upload)
    if progress is None or not progress.is_read_differently(upload):
        return None
    if not progress.outcomes.is_complete:
        raise UploadReadDifferently(upload.name)
    return list(progress.outcomes)


def store_request(
    *, casino: Casino, topic: Topic, upload: UploadId | None, messages: Sequence[UploadedMessage]
) -> list[ItemOutcome]:
    """Store the messages, numbered from 0, in the current casino. Returns the outcome of each.

    A repeat continues after the last stored message, and returns the earlier outcomes without details. Raises
    UploadChanged, UploadReadDifferently, UploadInProgress; DatabaseUnavailable and other database errors if a chunk
    can't be stored; earlier chunks are then stored.
    """
    progress = None if upload is None else find_progress(upload)
    received_at, done = timezone.now(), 0
    if upload is not None and progress is not None:
        require_same(upload, progress)
        received_at, done = progress.received_at, progress.next_offset
        if done >= len(messages):
            return list(progress.outcomes)
    store = UploadStore(topic, casino, Transport.HTTP, upload=upload, received_at=received_at, total=len(messages))
    results: list[MessageResult] = []
    for start in range(0, len(messages), CHUNK):
        if chunk := messages[max(start, done) : start + CHUNK]:
            results += store.store(chunk, timezone.now())
    new = {each.envelope.place.offset: outcome_of(each) for each in results if each.outcome != REPEATED}
    stored = enumerate(store.progress.outcomes) if store.progress is not None else ()
    return [outcome for _, outcome in sorted((dict(stored) | new).items())]
