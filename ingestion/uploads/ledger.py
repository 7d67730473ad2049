"""The ledger of an upload: how many of its messages are stored, kept in the casino's database with their rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ingestion.errors import UploadChanged, UploadInProgress
from ingestion.messages.envelope import Door
from ingestion.outcomes import DecodedMessage, MessageResult
from ingestion.storing.ledger import OutcomeCount, write_counts
from tenants.routing.connections import casino_connection, execute, query

from .outcomes import ItemOutcome, outcome_of

_READ = "SELECT digest, next_offset, outcomes, received_at FROM ingestion_uploads WHERE door = %s AND name = %s"
# Each statement has a snapshot of its own: the row is read as it is once the lock is held.
_LOCK_AND_READ = f"""
SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 'ingestion_uploads'::regclass::oid::bigint)); {_READ}
"""
_WRITE = """
INSERT INTO ingestion_uploads AS upload (door, name, topic, digest, next_offset, outcomes, received_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (door, name) DO UPDATE SET next_offset = excluded.next_offset, outcomes = excluded.outcomes
"""
_FORGET = "DELETE FROM ingestion_uploads WHERE door = %s AND name = %s"
_PRUNE = """
DELETE FROM ingestion_uploads WHERE id IN (
    SELECT id FROM ingestion_uploads WHERE received_at < %s ORDER BY received_at LIMIT %s
)
"""


class UploadId(msgspec.Struct, frozen=True):
    """An upload's name within its door, and the digest of all that it must repeat."""

    door: Door
    name: str
    topic: str
    digest: str

    @property
    def place_id(self) -> str:
        """Tells its messages from those of another upload of the same name, once that is forgotten."""
        return f"{self.name}.{self.digest[:16]}"


class Progress(msgspec.Struct):
    """The messages with smaller offsets are stored. `outcomes`: of a request, what became of each of them."""

    next_offset: int
    outcomes: list[ItemOutcome]
    received_at: datetime


class UploadLedger:
    """The ledger of one upload, for one transaction. Raises UploadInProgress if another transaction has it, and
    UploadChanged if the stored upload of this name has other contents."""

    def __init__(self, upload: UploadId, received_at: datetime) -> None:
        self._upload = upload
        with casino_connection().cursor() as cursor:
            cursor.execute(_LOCK_AND_READ, [f"{upload.door}:{upload.name}", upload.door, upload.name])
            [(is_locked,)] = cursor.fetchall()
            cursor.nextset()
            rows = cursor.fetchall()
        if not is_locked:
            raise UploadInProgress(upload.name)
        self.progress = _progress(upload, rows) or Progress(0, [], received_at)

    def take_new(self, messages: Iterable[DecodedMessage]) -> list[DecodedMessage]:
        new = [message for message in messages if message.envelope.place.offset >= self.progress.next_offset]
        if new:
            self.progress.next_offset = new[-1].envelope.place.offset + 1
        return new

    def write(self, results: Sequence[MessageResult], counts: Iterable[OutcomeCount], now: datetime) -> None:
        upload, progress = self._upload, self.progress
        if upload.door is Door.HTTP:
            progress.outcomes += map(outcome_of, sorted(results, key=lambda each: each.envelope.place.offset))
        outcomes = msgspec.json.encode(progress.outcomes).decode()
        row = [upload.door, upload.name, upload.topic, upload.digest, progress.next_offset, outcomes]
        execute(_WRITE, [*row, progress.received_at])
        write_counts(upload.topic, counts, now)


def find_progress(upload: UploadId) -> Progress | None:
    """What is stored of the upload in the current casino. Raises UploadChanged."""
    return _progress(upload, query(_READ, [upload.door, upload.name]))


def forget_upload(upload: UploadId) -> None:
    """Let the current casino store the upload from its beginning."""
    execute(_FORGET, [upload.door, upload.name])


def prune_uploads(before: datetime, limit: int) -> int:
    """Forget uploads that were received before this time, the oldest first; returns their number."""
    with casino_connection().cursor() as cursor:
        cursor.execute(_PRUNE, [before, limit])
        return int(cursor.rowcount)


def _progress(upload: UploadId, rows: Sequence[tuple[str, int, str, datetime]]) -> Progress | None:
    for digest, next_offset, outcomes, received_at in rows:
        if digest != upload.digest:
            raise UploadChanged(upload.name)
        return Progress(next_offset, msgspec.json.decode(outcomes, type=list[ItemOutcome]), received_at)
    return None
