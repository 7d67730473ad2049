"""Imports a file's messages into a casino; continues an earlier import of the same file."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from django.utils import timezone

from ingestion.errors import UnreadableFile
from ingestion.messages.decoding import Partial, Rejection
from ingestion.messages.envelope import FilePlace, Transport
from ingestion.messages.reading import DecodedMessage
from ingestion.messages.results import MessageResult
from ingestion.topics import Topic
from ingestion.uploads.ledger import Progress, UploadId, find_progress, restart_upload
from ingestion.uploads.store import UploadedMessage, UploadStore
from tenants.models import Casino
from tenants.routing.context import use_casino

from .reading import FileReading
from .rejections import RejectionReport
from .withheld import WithheldReport

CHUNK = 2_000  # messages of a transaction: some 0.2 s
VALID, VALID_CHANGE = "valid", "valid change"


def file_upload(topic: Topic, digest: str, reading: FileReading) -> UploadId:
    """The upload of a file with this digest. The file and a message's number identify the message, so a repeat must
    number the messages in the same way."""
    return UploadId(Transport.FILE, f"{topic.name}:{digest}", topic.name, reading.numbering, digest, reading.digest)


class FileImport:
    """One import. `counts` are the messages by outcome (rejected ones by code); `last_place` is the place of the last
    processed message. `from_beginning`: import stored messages again too."""

    def __init__(
        self, casino: Casino, topic: Topic, digest: str, reading: FileReading, *, from_beginning: bool = False
    ) -> None:
        self.counts = Counter[str]()
        self.rejected = 0
        self.last_place: FilePlace | None = None
        self.withheld = WithheldReport(topic)
        self._casino, self._topic, self._messages = casino, topic, reading.messages
        self._upload, self._progress = self._find(file_upload(topic, digest, reading))
        is_other = self._progress is None or not self._progress.is_of(self._upload)
        self._restarts = from_beginning or is_other
        # a repeat has the time of the first import: else an old file would be newer than later messages
        self._received_at = timezone.now() if self._progress is None else self._progress.received_at

    @property
    def is_continued(self) -> bool:
        """Whether some of the file's messages are already stored, and skipped."""
        return not self._restarts

    def store(self, report: RejectionReport) -> Iterator[None]:
        """Store the messages that are not stored yet; yields after each transaction. Messages stored before an error
        stay. Raises UnreadableFile, UploadInProgress, UploadReadDifferently, DatabaseUnavailable and other database
        errors."""
        done = self._begin()
        store = self._store(report)
        for chunk in _chunks(message for message in self._messages if message.number >= done):
            decoded = store.decode(chunk)
            report.places = _places(chunk)
            self._count(store.store_decoded(decoded, timezone.now()), chunk, decoded)
            yield

    def check(self, report: RejectionReport) -> Iterator[None]:
        """Validate the messages without storing them; yields after each chunk. Raises UnreadableFile."""
        store = self._store(report)
        for chunk in _chunks(self._messages):
            decoded = store.decode(chunk)
            results = [_checked(message) for message in decoded]
            report.places = _places(chunk)
            report.write(results)
            self._count(results, chunk, decoded)
            yield

    def _find(self, upload: UploadId) -> tuple[UploadId, Progress | None]:
        """The upload, and its stored progress. If an earlier import numbered the messages in another way, it is unknown
        which of them are stored: messages without an id are then rejected."""
        with use_casino(self._casino.current):
            progress = find_progress(upload)
        if progress is None or progress.is_of(upload) or progress.is_read_differently(upload):
            return upload, progress
        return msgspec.structs.replace(upload, digest=progress.digest, place_id=""), progress

    def _begin(self) -> int:
        """The number of the first message to store."""
        if self._progress is None:
            return 0
        if not self._restarts:
            return self._progress.next_offset
        with use_casino(self._casino.current):
            restart_upload(self._upload)
        return 0

    def _store(self, report: RejectionReport) -> UploadStore:
        return UploadStore(
            self._topic,
            self._casino,
            Transport.FILE,
            upload=self._upload,
            received_at=self._received_at,
            report_rejected=report.write,
        )

    def _count(
        self, results: Iterable[MessageResult], chunk: Sequence[UploadedMessage], decoded: Sequence[DecodedMessage]
    ) -> None:
        for each in results:
            self.counts[each.outcome] += 1
            self.rejected += each.rejection is not None
        for message, content in zip(chunk, decoded, strict=True):
            self.withheld.add(message, content)
        self.last_place = _place(chunk[-1])


def _checked(message: DecodedMessage) -> MessageResult:
    content = message.content
    if isinstance(content, Rejection):
        return MessageResult.reject(message.envelope, content)
    return MessageResult(message.envelope, VALID_CHANGE if isinstance(content, Partial) else VALID)


def _places(chunk: Iterable[UploadedMessage]) -> dict[int, FilePlace]:
    return {message.number: _place(message) for message in chunk}


def _place(message: UploadedMessage) -> FilePlace:
    return message.place or FilePlace(line=message.number)


def _chunks(messages: Iterable[UploadedMessage]) -> Iterator[list[UploadedMessage]]:
    """The messages in parts of `CHUNK`. Before it raises UnreadableFile, it yields the messages that could be read."""
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
