"""Finds the stored event of a row or change without an id: the same match, even if its begin has changed.

An event without an id is the same as a stored one with the same sport, country, league, category and teams (its
fixture) if their begins differ by at most the sport's `RESCHEDULE_HOURS`: the event with the same begin, else the
nearest. Rows are also compared with each other, in their order. A change may lack some of these fields, or have
unreadable ones; then it applies to all events that match the others and are not over. The caller holds the lock of the
offer.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from typing import TypeGuard
from uuid import UUID

import msgspec

from recommendations.validation.changes import EventChange, NamedMatch
from recommendations.validation.identity import event_key
from recommendations.validation.normal_form import key_form
from recommendations.validation.rows import EventRow, Removal
from recommendations.validation.settings_limits import limits
from tenants.routing.connections import execute, query

from .upsert import as_json

Stored = EventRow | EventChange | Removal
Fixture = tuple[str, ...]  # the values of `_COLUMNS`, or of sport and teams

_COLUMNS = ("sport", "country", "league", "category", "home_team", "away_team")
_FIXTURE = ", ".join(_COLUMNS)
_LIKELY_KEYS = 2
_EVENT_COLUMNS = ", ".join(f"events.{column}" for column in _COLUMNS)
_FIND_STORED = f"""
SELECT natural_key, begin_timestamp, timestamp, {_EVENT_COLUMNS} FROM events JOIN jsonb_to_recordset(%s::jsonb) AS row(
    sport text, country text, league text, category text, home_team text, away_team text,
    earliest timestamptz, latest timestamptz
) USING (sport, category, home_team, away_team)
WHERE natural_key IS NOT NULL AND begin_timestamp BETWEEN row.earliest AND row.latest
    AND events.country IN ('', row.country) AND events.league IN ('', row.league)
"""
_FIND_NAMED = f"""
SELECT natural_key, begin_timestamp, timestamp, {_FIXTURE} FROM events JOIN jsonb_to_recordset(%s::jsonb) AS row(
    sport text, home_team text, away_team text, earliest timestamptz, latest timestamptz
) USING (sport, home_team, away_team)
WHERE natural_key IS NOT NULL AND CASE WHEN row.earliest IS NULL THEN end_timestamp > now()
    ELSE begin_timestamp BETWEEN row.earliest AND row.latest END
"""
_FIND_BY_KEY = f"SELECT natural_key, begin_timestamp, timestamp, {_FIXTURE} FROM events WHERE natural_key = ANY(%s)"

# A key of another event is not taken from it.
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

    def move(self, begin: datetime, timestamp: datetime | None) -> bool:
        """Set the begin from a message of this time, unless the message is older. Returns whether the begin changed."""
        if timestamp is not None and self.timestamp is not None and timestamp < self.timestamp:
            return False
        is_moved = begin != self.begin
        self.begin, self.timestamp = begin, timestamp or self.timestamp
        return is_moved

    def is_less_known(self, fixture: Fixture) -> bool:
        """Whether the event has this fixture, except for an unknown country or league."""
        sport, country, league, *others = self.fixture
        is_same = [sport, *others] == [fixture[0], *fixture[3:]]
        return is_same and country in ("", fixture[1]) and league in ("", fixture[2])

    def may_be(self, match: NamedMatch) -> bool:
        _, country, league, category, _, _ = self.fixture
        pairs = ((match.country, country), (match.league, league), (match.category, category))
        return all(given is None or own == "" or key_form(given) == key_form(own) for given, own in pairs)


class SameEvents:
    """The events of rows and changes without ids. `moved`: the natural keys of events whose begin changes."""

    def __init__(self) -> None:
        self.moved: set[UUID] = set()
        self._by_teams: defaultdict[Fixture, list[_KnownEvent]] = defaultdict(list)
        self._by_key: dict[UUID, _KnownEvent] = {}

    def identify(self, rows: Sequence[Stored]) -> list[list[Stored]]:
        """Each row with the natural key of its event; each change once for every stored event to which it applies."""
        new = [row for row in rows if isinstance(row, EventRow) and row.id is None]
        matches = [row.match for row in rows if isinstance(row, EventChange) and row.match is not None]
        first = [row.first_row() for row in rows if _may_be_first(row)]
        keys = [key for row in [*new, *first] for key in islice(_keys_of(row), _LIKELY_KEYS)]
        stored = [*query(_FIND_STORED, [as_json(_searched(new))]), *query(_FIND_BY_KEY, [keys])] if keys else []
        stored += query(_FIND_NAMED, [as_json([_named(match) for match in matches])]) if matches else []
        for natural_key, begin, timestamp, *fixture in stored:
            if natural_key not in self._by_key:
                self._add(_KnownEvent(natural_key, begin, timestamp, tuple(fixture)))
        return [list(self._identified(row)) for row in rows]

    def _identified(self, row: Stored) -> Iterator[Stored]:
        if isinstance(row, EventRow) and row.id is None:
            event = self._find(row) or self._new(row)
            row.natural_key = event.natural_key
            self._move(event, row.begin_timestamp, row.timestamp)
            yield row
        elif isinstance(row, EventChange) and row.match is not None:
            if not (events := self._find_named(row.match)) and _may_be_first(row):
                first = row.first_row()
                first.natural_key = self._new(first).natural_key
                yield first
            for event in events:
                if isinstance(row.begin_timestamp, datetime):
                    self._move(event, row.begin_timestamp, row.timestamp)
                yield msgspec.structs.replace(row, natural_key=event.natural_key, match=None)
        else:
            yield row

    def _move(self, event: _KnownEvent, begin: datetime, timestamp: datetime | None) -> None:
        if event.move(begin, timestamp):
            self.moved.add(event.natural_key)

    def _add(self, event: _KnownEvent) -> _KnownEvent:
        self._by_teams[_teams_of(event.fixture)].append(event)
        self._by_key[event.natural_key] = event
        return event

    def _find(self, row: EventRow) -> _KnownEvent | None:
        fixture = _fixture_of(row)
        same_fixture = [each for each in self._by_teams[_teams_of(fixture)] if each.fixture == fixture]
        if near := _nearest(same_fixture, row.sport, row.begin_timestamp):
            return near
        less_known = [each for each in self._by_teams[_teams_of(fixture)] if each.is_less_known(fixture)]
        if near := _nearest(less_known, row.sport, row.begin_timestamp):
            near.fixture = fixture
            return near
        same = self._by_key.get(next(_keys_of(row)))  # texts may have another form, as in earlier releases
        if same is None or same.begin != row.begin_timestamp:
            return None
        _, country, _, category, _, _ = same.fixture
        return same if (country, category) == (row.country, row.category) else None

    def _find_named(self, match: NamedMatch) -> list[_KnownEvent]:
        teams = match.sport, match.home_team, match.away_team
        candidates = [each for each in self._by_teams[teams] if each.may_be(match)]
        if match.begin is None:
            return candidates
        nearest = _nearest(candidates, match.sport, match.begin)
        return [] if nearest is None else [nearest]

    def _new(self, row: EventRow) -> _KnownEvent:
        key = next(key for key in _keys_of(row) if key not in self._by_key)
        return self._add(_KnownEvent(key, row.begin_timestamp, row.timestamp, _fixture_of(row)))


def _may_be_first(row: Stored) -> TypeGuard[EventChange]:
    """Whether the message creates an event if no stored event matches."""
    return isinstance(row, EventChange) and row.match is not None and row.makes_row


def _nearest(events: Iterable[_KnownEvent], sport: str, begin: datetime) -> _KnownEvent | None:
    """The event with this begin, else the nearest within the sport's window; None without any."""
    window = limits.reschedule_window(sport)
    near = [each for each in events if abs(each.begin - begin) <= window]
    return min(near, key=lambda each: (abs(each.begin - begin), each.begin), default=None)


def rename_moved(moved: Iterable[UUID]) -> None:
    """Derive the natural keys of moved events from their new begins, so that another event can have the former
    begin."""
    renamed = [
        {"old": natural_key, "new": event_key(sport, league, home_team, away_team, begin.isoformat())}
        for natural_key, begin, _, sport, _, league, _, home_team, away_team in query(_FIND_BY_KEY, [list(moved)])
    ]
    execute(_RENAME, [as_json(renamed)])


def _searched(rows: Iterable[EventRow]) -> list[dict[str, object]]:
    """Each fixture with the earliest and latest begin of a matching event."""
    begins: defaultdict[Fixture, list[datetime]] = defaultdict(list)
    for row in rows:
        begins[_fixture_of(row)].append(row.begin_timestamp)
    return [
        dict(zip(_COLUMNS, fixture, strict=True)) | {"earliest": min(times) - window, "latest": max(times) + window}
        for fixture, times in begins.items()
        for window in [limits.reschedule_window(fixture[0])]
    ]


def _named(match: NamedMatch) -> dict[str, object]:
    """The match's teams, with the earliest and latest begin of a matching event; null without a begin."""
    window, begin = limits.reschedule_window(match.sport), match.begin
    return {
        "sport": match.sport,
        "home_team": match.home_team,
        "away_team": match.away_team,
        "earliest": None if begin is None else begin - window,
        "latest": None if begin is None else begin + window,
    }


def _teams_of(fixture: Fixture) -> Fixture:
    sport, _, _, _, home_team, away_team = fixture
    return sport, home_team, away_team


def _fixture_of(row: EventRow) -> Fixture:
    return row.sport, row.country, row.league, row.category, row.home_team, row.away_team


def _keys_of(row: EventRow) -> Iterator[UUID]:
    """Yield the row's possible natural keys. The first, the only one of earlier releases, contains neither country nor
    category: an event of another country may have it."""
    parts = row.sport, row.league, row.home_team, row.away_team, row.begin_timestamp.isoformat()
    yield event_key(*parts)
    for number in count(1):
        yield event_key(*parts, row.country, row.category, *[str(number)] * (number > 1))
