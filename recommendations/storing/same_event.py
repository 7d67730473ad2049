"""Which stored event a row without an id is: the same match, though its begin may have changed.

An event without an id is the same as a stored one of the same sport, country, league, category and teams (its fixture)
whose begin differs by no more than the sport's `RESCHEDULE_HOURS`: the one with the same begin, else the nearest. Rows
are compared with each other too, in their order. The caller holds the lock of the offer.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from uuid import UUID

from recommendations.validation.natural_keys import event_key
from recommendations.validation.rows import EventRow
from recommendations.validation.settings_limits import limits
from tenants.routing.connections import execute, query

from .upsert_sql import as_json

Fixture = tuple[str, ...]  # the values of `_COLUMNS`

_COLUMNS = ("sport", "country", "league", "category", "home_team", "away_team")
_FIXTURE = ", ".join(_COLUMNS)
_LIKELY_KEYS = 2
_STORED = f"""
SELECT natural_key, begin_timestamp, timestamp, {_FIXTURE} FROM events JOIN jsonb_to_recordset(%s::jsonb) AS row(
    sport text, country text, league text, category text, home_team text, away_team text,
    earliest timestamptz, latest timestamptz
) USING ({_FIXTURE})
WHERE natural_key IS NOT NULL AND begin_timestamp BETWEEN row.earliest AND row.latest
"""
_WITH_KEYS = f"SELECT natural_key, begin_timestamp, timestamp, {_FIXTURE} FROM events WHERE natural_key = ANY(%s)"

# A key that another event has stays with that one.
_RENAME = """
UPDATE events SET natural_key = row.new FROM jsonb_to_recordset(%s::jsonb) AS row(old uuid, new uuid)
WHERE events.natural_key = row.old AND NOT EXISTS (SELECT FROM events AS other WHERE other.natural_key = row.new)
"""


@dataclass(slots=True)
class _KnownEvent:
    natural_key: UUID
    begin: datetime
    timestamp: datetime | None
    fixture: Fixture

    def move(self, row: EventRow) -> bool:
        """Take the row's begin, unless its message is older. Returns whether that changed the begin."""
        if row.timestamp is not None and self.timestamp is not None and row.timestamp < self.timestamp:
            return False
        is_moved = row.begin_timestamp != self.begin
        self.begin, self.timestamp = row.begin_timestamp, row.timestamp or self.timestamp
        return is_moved


class SameEvents:
    """The events of rows without ids. `moved`: the natural keys of those whose begin changes."""

    def __init__(self) -> None:
        self.moved: set[UUID] = set()
        self._by_fixture: defaultdict[Fixture, list[_KnownEvent]] = defaultdict(list)
        self._by_key: dict[UUID, _KnownEvent] = {}

    def identify(self, rows: Sequence[EventRow]) -> None:
        """Give each row the natural key of its event."""
        keys = [key for row in rows for key in islice(_keys_of(row), _LIKELY_KEYS)]
        stored = [*query(_STORED, [as_json(_searched(rows))]), *query(_WITH_KEYS, [keys])]
        for natural_key, begin, timestamp, *fixture in stored:
            if natural_key not in self._by_key:
                self._add(_KnownEvent(natural_key, begin, timestamp, tuple(fixture)))
        for row in rows:
            event = self._find(row) or self._new(row)
            row.natural_key = event.natural_key
            if event.move(row):
                self.moved.add(event.natural_key)

    def _add(self, event: _KnownEvent) -> _KnownEvent:
        self._by_fixture[event.fixture].append(event)
        self._by_key[event.natural_key] = event
        return event

    def _find(self, row: EventRow) -> _KnownEvent | None:
        window, begin = limits.reschedule_window(row.sport), row.begin_timestamp
        near = [each for each in self._by_fixture[_fixture_of(row)] if abs(each.begin - begin) <= window]
        if near:
            return min(near, key=lambda each: (abs(each.begin - begin), each.begin))
        same = self._by_key.get(next(_keys_of(row)))  # its texts may have another form, as those of earlier releases
        is_here = same is not None and (same.fixture[1], same.fixture[3]) == (row.country, row.category)
        return same if is_here and same is not None and same.begin == begin else None

    def _new(self, row: EventRow) -> _KnownEvent:
        key = next(key for key in _keys_of(row) if key not in self._by_key)
        return self._add(_KnownEvent(key, row.begin_timestamp, row.timestamp, _fixture_of(row)))


def rename_moved(moved: Iterable[UUID]) -> None:
    """Let the natural keys of events follow their begins, so that another event can have the former begin."""
    renamed = [
        {"old": natural_key, "new": event_key(sport, league, home_team, away_team, begin.isoformat())}
        for natural_key, begin, _, sport, _, league, _, home_team, away_team in query(_WITH_KEYS, [list(moved)])
    ]
    execute(_RENAME, [as_json(renamed)])


def _searched(rows: Iterable[EventRow]) -> list[dict[str, object]]:
    """Each fixture, with the times between which the begins of the rows' events lie."""
    begins: defaultdict[Fixture, list[datetime]] = defaultdict(list)
    for row in rows:
        begins[_fixture_of(row)].append(row.begin_timestamp)
    return [
        dict(zip(_COLUMNS, fixture, strict=True)) | {"earliest": min(times) - window, "latest": max(times) + window}
        for fixture, times in begins.items()
        for window in [limits.reschedule_window(fixture[0])]
    ]


def _fixture_of(row: EventRow) -> Fixture:
    return row.sport, row.country, row.league, row.category, row.home_team, row.away_team


def _keys_of(row: EventRow) -> Iterator[UUID]:
    """The row's possible natural keys. The first, which earlier releases have too, has neither country nor category:
    an event of another country may have it."""
    parts = row.sport, row.league, row.home_team, row.away_team, row.begin_timestamp.isoformat()
    yield event_key(*parts)
    for number in count(1):
        yield event_key(*parts, row.country, row.category, *[str(number)] * (number > 1))
