"""Reports the messages of a file that withhold their events or restrict their users, and the reasons: a wrong time
format withholds all events."""

from dataclasses import dataclass
from typing import Any

import msgspec

from ingestion.messages.decoding import Partial, Rejection
from ingestion.messages.envelope import FilePlace
from ingestion.messages.reading import DecodedMessage
from ingestion.topics import EVENTS, Topic
from ingestion.uploads.store import UploadedMessage

_SHOWN = 5
_LONGEST = 60  # characters of a value
_NO_PRICE = "no usable price"


@dataclass(slots=True)
class _Reason:
    """`count` messages with the same problem of a field, and the first of them. `value` is quoted for events only:
    other messages are about people."""

    field: str
    code: str
    place: FilePlace
    detail: str
    value: str
    count: int = 0

    def __str__(self) -> str:
        prefix = f"{self.field}: " if self.field else ""
        quoted = f" has {self.value}" if self.value else ""
        return f"  {self.count:,} by {prefix}{self.code}; {self.place}{quoted}{self.detail and f' ({self.detail})'}"


class WithheldReport:
    """Counts such messages by field and problem."""

    def __init__(self, topic: Topic) -> None:
        self._is_of_events = topic is EVENTS
        self._reasons: dict[tuple[str, str], _Reason] = {}

    def add(self, message: UploadedMessage, decoded: DecodedMessage) -> None:
        content = decoded.content
        if isinstance(content, Rejection) and content.changes:
            self._count(message, content.field, content.code, content.detail)
        elif isinstance(content, Partial) and content.change.is_withheld is True:
            self._count(message, "odd", _NO_PRICE, "")

    def __str__(self) -> str:
        """The report's lines; empty text if no message is counted."""
        if not self._reasons:
            return ""
        reasons = sorted(self._reasons.values(), key=lambda each: -each.count)
        total = sum(each.count for each in reasons)
        title = "Events withheld, and not recommended" if self._is_of_events else "Users restricted"
        head = f"{title} until a later message about them can be read: {total:,}"
        more = [f"  .. for {len(reasons) - _SHOWN} other reasons"] if len(reasons) > _SHOWN else []
        return "\n".join([head, *map(str, reasons[:_SHOWN]), *more])

    def _count(self, message: UploadedMessage, field: str, code: str, detail: str) -> None:
        reason = self._reasons.get((field, code))
        if reason is None:
            place = message.place or FilePlace(line=message.number)
            value = _value(message, field) if self._is_of_events else ""
            shown = detail if self._is_of_events else ""
            reason = self._reasons[field, code] = _Reason(field, code, place, shown, value)
        reason.count += 1


def _value(message: UploadedMessage, field: str) -> str:
    """The field's value in the file, quoted; empty text if it has none."""
    if field in message.unread:
        value: Any = message.unread[field]
    else:
        try:
            value = msgspec.json.decode(message.value or b"", type=dict[str, Any]).get(field)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""
    return "" if value is None or isinstance(value, dict) else _shortened(repr(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}.."
