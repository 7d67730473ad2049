"""Imports a file's messages into a casino, continuing where an earlier import of the same file ended."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.utils import timezone

from ingestion.errors import UnreadableFile
from ingestion.messages.decoding import Partial, Rejection
from ingestion.messages.envelope import Door
from ingestion.outcomes import DecodedMessage, MessageResult
from ingestion.topics import Topic
from ingestion.uploads.ledger import Progress, UploadId, find_progress, forget_upload
from ingestion.uploads.store import UploadedMessage, UploadStore
from tenants.models import Casino
from tenants.routing.context import use_casino

from .rejections import RejectionReport

CHUNK = 2_000  # messages of a transaction: some 0.2 s
VALID, VALID_CHANGE = "valid", "valid change"


def file_upload(topic: Topic, digest: str, reading: str) -> UploadId:
    """The upload of a file with this digest, read in this way: read in another, it has other messages."""
    return UploadId(Door.FILE, f"{topic.name}:{digest}:{reading}", topic.name, digest)


class FileImport:
    """One import. `counts` are the messages by outcome (of rejected ones, the code), `last_number` is that of the last
    message that is done."""

    def __init__(self, casino: Casino, topic: Topic, upload: UploadId) -> None:
        self.counts = Counter[str]()
        self.rejected = self.last_number = 0
        self._casino, self._topic, self._upload = casino, topic, upload

    def forget_earlier(self) -> None:
        """Let the file be imported from its beginning."""
        with use_casino(self._casino.current):
            forget_upload(self._upload)

    def has_begun(self) -> bool:
        """Whether some of the file's messages are stored already."""
        return self._progress() is not None

    def store(self, messages: Iterable[UploadedMessage], report: RejectionReport) -> Iterator[None]:
        """Store the messages that are not stored yet; yields after each transaction. Raises UnreadableFile,
        DatabaseUnavailable and other database errors, UploadInProgress; what was stored before stays."""
        progress = self._progress()
        store = self._store(progress.received_at if progress else timezone.now(), report)
        self.last_number = progress.next_offset - 1 if progress else 0
        done = self.last_number
        for chunk in _chunks(message for message in messages if message.number > done):
            self._count(store.store(chunk, timezone.now()), chunk)
            yield

    def check(self, messages: Iterable[UploadedMessage], report: RejectionReport) -> Iterator[None]:
        """Validate the messages, without storing any; yields now and then. Raises UnreadableFile."""
        store = self._store(timezone.now(), report)
        for chunk in _chunks(messages):
            results = [_checked(message) for message in store.decode(chunk)]
            report.write(results)
            self._count(results, chunk)
            yield

    def _store(self, received_at: datetime, report: RejectionReport) -> UploadStore:
        return UploadStore(
            self._topic,
            self._casino,
            Door.FILE,
            upload=self._upload,
            received_at=received_at,
            report_rejected=report.write,
        )

    def _progress(self) -> Progress | None:
        with use_casino(self._casino.current):
            return find_progress(self._upload)

    def _count(self, results: Iterable[MessageResult], chunk: list[UploadedMessage]) -> None:
        for each in results:
            self.counts[each.outcome] += 1
            self.rejected += each.rejection is not None
        self.last_number = chunk[-1].number


def _checked(message: DecodedMessage) -> MessageResult:
    content = message.content
    if isinstance(content, Rejection):
        return MessageResult.reject(message.envelope, content)
    return MessageResult(message.envelope, VALID_CHANGE if isinstance(content, Partial) else VALID)


def _chunks(messages: Iterable[UploadedMessage]) -> Iterator[list[UploadedMessage]]:
    """Of a file that can't be read to its end, the messages before."""
    chunk: list[UploadedMessage] = []
    try:
        for message in messages:
            chunk.append(message)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    except UnreadableFile:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk
