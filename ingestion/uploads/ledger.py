"""The ledger of an upload: the number of its stored messages, in the casino's database with their rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ingestion.errors import UploadChanged, UploadInProgress, UploadReadDifferently
from ingestion.messages.envelope import Transport
from ingestion.messages.reading import DecodedMessage
from ingestion.messages.results import MessageResult
from ingestion.storing.ledger import OutcomeCount, write_counts
from tenants.routing.connections import casino_connection, execute, query

from .outcomes import StoredOutcomes, decode_outcomes

_READ = "SELECT digest, next_offset, outcomes, received_at FROM ingestion_uploads WHERE door = %s AND name = %s"
# Each statement has its own snapshot: the row is read after the lock is held.
_LOCK_AND_READ = f"""
SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 'ingestion_uploads'::regclass::oid::bigint)); {_READ}
"""
_WRITE = """
INSERT INTO ingestion_uploads AS upload (door, name, topic, digest, next_offset, outcomes, received_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (door, name) DO UPDATE SET next_offset = excluded.next_offset, outcomes = excluded.outcomes
"""
_RESTART = "UPDATE ingestion_uploads SET digest = %s, next_offset = 0 WHERE door = %s AND name = %s"
# Rows of files stay, some hundred bytes each: the time of its first import keeps an old file from being newer.
_PRUNE = """
DELETE FROM ingestion_uploads WHERE id IN (
    SELECT id FROM ingestion_uploads WHERE received_at < %s AND door = 'http' ORDER BY received_at LIMIT %s
)
"""
_HALF = 32  # half of the characters of a digest


class UploadId(msgspec.Struct, frozen=True):
    """An upload's name within its transport, and the digest of its contents, which must be equal in a repeat.

    `reading` is the digest of a mapping or other parameters that make its messages, and may change between two tries;
    empty for messages in the usual format. `place_id` distinguishes its messages from those of other uploads even after
    the upload's row is deleted; empty if they can't be distinguished.
    """

    transport: Transport
    name: str
    topic: str
    digest: str
    place_id: str
    reading: str = ""

    @property
    def stored_digest(self) -> str:
        return self.digest[:_HALF] + self.reading[:_HALF] if self.reading else self.digest


class Progress(msgspec.Struct):
    """The messages with smaller offsets are stored, as read with this `digest`. `outcomes`: for a request, the outcome
    of each message."""

    digest: str
    next_offset: int
    outcomes: StoredOutcomes
    received_at: datetime

    def is_of(self, upload: UploadId) -> bool:
        """Whether this is the progress of the upload, read in the same way."""
        return self.digest == upload.stored_digest

    def is_read_differently(self, upload: UploadId) -> bool:
        """Whether this is the progress of the same contents, read in another way."""
        is_same = bool(upload.reading) and self.digest[:_HALF] == upload.digest[:_HALF]
        return is_same and not self.is_of(upload)


class UploadLedger:
    """The ledger of one upload, for one transaction; `total` is the number of its messages, 0 while it is unknown.

    Raises UploadInProgress if another transaction has it, UploadReadDifferently if another process has begun to store
    it as read in another way, and UploadChanged if the stored upload of this name has other contents.
    """

    def __init__(self, upload: UploadId, received_at: datetime, total: int = 0) -> None:
        self._upload = upload
        with casino_connection().cursor() as cursor:
            cursor.execute(_LOCK_AND_READ, [f"{upload.transport}:{upload.name}", upload.transport, upload.name])
            [(is_locked,)] = cursor.fetchall()
            cursor.nextset()
            rows = cursor.fetchall()
        if not is_locked:
            raise UploadInProgress(upload.name)
        new = Progress(upload.stored_digest, 0, StoredOutcomes(total=total), received_at)
        self.progress = _progress(rows) or new
        require_same(upload, self.progress)

    def take_new(self, messages: Iterable[DecodedMessage]) -> list[DecodedMessage]:
        new = [message for message in messages if message.envelope.place.offset >= self.progress.next_offset]
        if new:
            self.progress.next_offset = new[-1].envelope.place.offset + 1
        return new

    def write(self, results: Sequence[MessageResult], counts: Iterable[OutcomeCount], now: datetime) -> None:
        upload, progress = self._upload, self.progress
        if upload.transport is Transport.HTTP:
            progress.outcomes.add(sorted(results, key=lambda each: each.envelope.place.offset))
        outcomes = msgspec.json.encode(progress.outcomes).decode()
        row = [upload.transport, upload.name, upload.topic, upload.stored_digest, progress.next_offset, outcomes]
        execute(_WRITE, [*row, progress.received_at])
        write_counts(upload.topic, counts, now)


def require_same(upload: UploadId, progress: Progress) -> None:
    """Raises UploadReadDifferently, or UploadChanged, if the stored upload is not the same."""
    if progress.is_read_differently(upload):
        raise UploadReadDifferently(upload.name)
    if not progress.is_of(upload):
        raise UploadChanged(upload.name)


def find_progress(upload: UploadId) -> Progress | None:
    """The progress in the current casino of the upload with this name and transport, with any contents."""
    return _progress(query(_READ, [upload.transport, upload.name]))


def restart_upload(upload: UploadId) -> None:
    """Let the current casino store the upload from its beginning, as it is read now. The time of its receipt stays."""
    execute(_RESTART, [upload.stored_digest, upload.transport, upload.name])


def prune_uploads(before: datetime, limit: int) -> int:
    """Delete the rows of requests received before this time, the oldest first. Returns their number."""
    with casino_connection().cursor() as cursor:
        cursor.execute(_PRUNE, [before, limit])
        return int(cursor.rowcount)


def _progress(rows: Sequence[tuple[str, int, str, datetime]]) -> Progress | None:
    for digest, next_offset, outcomes, received_at in rows:
        return Progress(digest, next_offset, decode_outcomes(outcomes), received_at)
    return None
