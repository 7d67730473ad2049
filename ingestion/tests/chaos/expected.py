"""What was sent, and so what has to be there in the end."""

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec

from ingestion.messages.envelope import Headers
from ingestion.topics import COUPONS, USERS, Topic
from recommendations.validation.rows import EventRow, Row, Selection, UserRow

Content = tuple[Any, ...]
Stream = tuple[int, str, int]  # casino, topic, partition


class Message(msgspec.Struct):
    """`row` is what it says; None where it can't be stored, for `reason`."""

    topic: Topic
    casino_id: int | None
    key: bytes
    value: bytes
    headers: Headers
    row: Row | None
    reason: str = ""


class Letter(msgspec.Struct, frozen=True):
    """What of a dead letter has to be as it was sent."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    reason: str


class Casino:
    """What one casino's database has to hold. `bought` counts coupons: one without an id is another each time."""

    def __init__(self) -> None:
        self.users: dict[Any, Content] = {}
        self.events: dict[Any, Content] = {}
        self.coupons: dict[int, Content] = {}
        self.bought: Counter[Content] = Counter()


class Truth:
    """`ends` tells of each stream the offset after the last message, `dead` the dead letters by place."""

    def __init__(self, casino_ids: list[int]) -> None:
        self.casinos = {casino_id: Casino() for casino_id in casino_ids}
        self.ends: dict[Stream, int] = {}
        self.dead: dict[tuple[str, int, int], Letter] = {}
        self.sent: Counter[str] = Counter()

    def note(self, message: Message, partition: int, offset: int) -> None:
        """The broker has the message."""
        self.sent[message.topic.name] += 1
        casino = self.casinos.get(message.casino_id or 0)
        if casino is not None:
            self.ends[message.casino_id or 0, message.topic.name, partition] = offset + 1
        if message.row is None:
            letter = Letter(message.key, message.value, tuple(message.headers), message.reason)
            self.dead[message.topic.name, partition, offset] = letter
        elif casino is not None:
            _add(casino, message.topic, message.row)


_GUARD_RAILS = {"status", "status_until", "birth_date", "stake_limit", "limit_left"}


def _add(casino: Casino, topic: Topic, row: Any) -> None:
    content = content_of(row)
    if topic is COUPONS:
        if row.id is None:
            casino.bought[content] += 1
        else:
            casino.coupons[row.id] = content
        return
    rows = casino.users if topic is USERS else casino.events
    key = row.id or row.natural_key
    if key not in rows or _time(rows[key]) < _time(content):
        rows[key] = content


def _time(content: Content) -> datetime:
    time: datetime = content[0]
    return time


def content_of(row: Any) -> Content:
    """A row, or a model's instance, as something to compare. The time comes first."""
    if hasattr(row, "recommended_events"):
        selections = tuple(map(_selection, row.recommended_events))
        return row.timestamp, row.user_id, row.stake, selections
    kind, never_sent = (UserRow, _GUARD_RAILS) if hasattr(row, "surname") else (EventRow, set[str]())
    names = [name for name in kind.__struct_fields__ if name not in {"id", "natural_key", "timestamp"} | never_sent]
    return row.timestamp, *(getattr(row, name) for name in names)


def _selection(selection: Selection | dict[str, Any]) -> Content:
    fields = selection if isinstance(selection, dict) else msgspec.structs.asdict(selection)
    return tuple(float(fields[name]) if name == "odd" else fields[name] for name in Selection.__struct_fields__)
