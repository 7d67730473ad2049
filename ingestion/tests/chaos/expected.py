"""The expected rows and dead letters, derived from the sent messages."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from ingestion.messages.envelope import Headers
from ingestion.topics import COUPONS, USERS, Topic
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.markets import OddsRow
from recommendations.validation.rows import EventRow, Selection, UserRow

from .casino_scenario import ScenarioRow
from .impressions import ExpectedImpressions
from .odds import ExpectedOdds

Content = tuple[Any, ...]
CasinoPartition = tuple[int, str, int]  # casino, topic, partition
LetterPlace = tuple[str, int, int, int]  # topic, partition, offset, time


class SentMessage(msgspec.Struct):
    """A sent message; `row` is None if it is invalid, for `reason`."""

    topic: Topic
    casino_id: int | None
    key: bytes
    value: bytes
    headers: Headers
    row: ScenarioRow | None
    reason: str = ""


class ExpectedLetter(msgspec.Struct, frozen=True):
    """The parts of a dead letter that must equal the sent message."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    reason: str


class ExpectedCasino:
    """The expected rows of one casino. `without_ids` counts coupons: each one without an id is a new coupon."""

    def __init__(self) -> None:
        self.users: dict[Any, Content] = {}
        self.events: dict[Any, Content] = {}
        self.coupons: dict[int, Content] = {}
        self.without_ids: Counter[Content] = Counter()
        self.odds = ExpectedOdds()
        self.impressions = ExpectedImpressions()


class Expected:
    """`ends`: the offset after the last message of each partition, by casino. `dead`: the dead letters by place and
    time, since a recreated topic repeats offsets."""

    def __init__(self, casino_ids: list[int]) -> None:
        self.casinos = {casino_id: ExpectedCasino() for casino_id in casino_ids}
        self.ends: dict[CasinoPartition, int] = {}
        self.dead: dict[LetterPlace, ExpectedLetter] = {}
        self.sent: Counter[str] = Counter()

    def forget_ends(self, topic: Topic) -> None:
        """Forget the topic's ends, before it is recreated."""
        self.ends = {key: end for key, end in self.ends.items() if key[1] != topic.name}

    def record(self, message: SentMessage, partition: int, offset: int, sent_at: int) -> None:
        """Record a delivered message."""
        self.sent[message.topic.name] += 1
        casino = self.casinos.get(message.casino_id or 0)
        if casino is not None:
            self.ends[message.casino_id or 0, message.topic.name, partition] = offset + 1
        if message.row is None:
            letter = ExpectedLetter(message.key, message.value, tuple(message.headers), message.reason)
            self.dead[message.topic.name, partition, offset, sent_at] = letter
        elif casino is not None and isinstance(message.row, OddsRow):
            casino.odds.add(message.row, partition, sent_at)
        elif casino is not None and isinstance(message.row, ImpressionRow):
            casino.impressions.add(message.row)
        elif casino is not None:
            _add(casino, message.topic, message.row)

    def add_users(self, casino_id: int, rows: Iterable[UserRow]) -> None:
        """Add users that are stored already."""
        for row in rows:
            _add(self.casinos[casino_id], USERS, row)


_KEYS = {"id", "natural_key", "former_keys", "timestamp"}
_GUARD_RAILS = {"status", "status_until", "birth_date", "stake_limit", "limit_left"}
_MARKETS = {"markets"}  # each is a separate row


def _add(casino: ExpectedCasino, topic: Topic, row: Any) -> None:
    content = content_of(row)
    if topic is COUPONS:
        if row.id is None:
            casino.without_ids[content] += 1
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
    """The values of a row or a model instance, for comparison. The time is first."""
    if hasattr(row, "recommended_events"):
        selections = tuple(map(_selection, row.recommended_events))
        return row.timestamp, row.user_id, row.stake, selections
    kind, never_sent = (UserRow, _GUARD_RAILS) if hasattr(row, "surname") else (EventRow, _MARKETS)
    names = [name for name in kind.__struct_fields__ if name not in _KEYS | never_sent]
    return row.timestamp, *(getattr(row, name) for name in names)


def _selection(selection: Selection | dict[str, Any]) -> Content:
    fields = selection if isinstance(selection, dict) else msgspec.structs.asdict(selection)
    sent = {name: value for name, value in fields.items() if value is not msgspec.UNSET}
    return tuple(sorted((name, float(value) if name == "odd" else value) for name, value in sent.items()))
