"""Storing events and their teams."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from msgspec import UNSET

from recommendations.text_ids import Kind, with_stored_ids
from recommendations.validation.changes import EventChange
from recommendations.validation.rows import EventRow, Removal
from tenants.routing.connections import casino_atomic, execute, query

from .event_markets import store_markets, without_markets
from .markets import lock_prices
from .outcomes import NOT_STORED, Outcome
from .removal import remove_events
from .rows_and_changes import store_rows
from .same_event import SameEvents, rename_moved
from .same_match import link_same_matches
from .upsert import Rows, as_json, store_in_order
from .upsert_sql import Timed, Upsert

_STRICTNESS = (
    "CASE {row}.status WHEN 'OPEN' THEN 0 WHEN 'LIVE' THEN 1 WHEN 'SUSPENDED' THEN 2 WHEN 'CANCELLED' THEN 3 ELSE 4 END"
)
# The last message wins, except that a usable odd does not replace a missing one, nor a missing one an unreadable one.
_WITHHOLDING = "CASE WHEN NOT {row}.is_withheld THEN 0 WHEN {row}.lacks_odd THEN 1 ELSE 2 END"
_IS_AS_WITHHELD = f"{_WITHHOLDING.format(row='{new}')} >= {_WITHHOLDING.format(row='{old}')}"

# An estimated end, which no message sent, moves with the begin.
_ESTIMATED_END = (
    "CASE WHEN {old}.end_is_estimated THEN {new}.begin_timestamp + ({old}.end_timestamp - {old}.begin_timestamp) "
    "ELSE {old}.end_timestamp END"
)
# An event with teams needs no name.
_NAME_IF_ONE_SIDED = "CASE WHEN {old}.away_team = '' THEN {new}.name ELSE {old}.home_team END"

EVENTS = Upsert(
    "events",
    (
        ("country", "text"),
        ("begin_timestamp", "timestamptz"),
        ("end_timestamp", "timestamptz"),
        ("end_is_estimated", "boolean"),
        ("start_time_tbd", "boolean"),
        ("league", "text"),
        ("sport", "text"),
        ("odd", "numeric"),
        ("home_team", "text"),
        ("away_team", "text"),
        ("participants", "varchar[]"),
        ("category", "text"),
        ("status", "text"),
        ("is_withheld", "boolean"),
        ("lacks_odd", "boolean"),
        ("timestamp", "timestamptz"),
    ),
    timed=(
        Timed(("status",), f"{_STRICTNESS.format(row='{new}')} > {_STRICTNESS.format(row='{old}')}"),
        Timed(("odd", "is_withheld", "lacks_odd"), _IS_AS_WITHHELD),
        Timed(
            ("begin_timestamp", "end_timestamp", "end_is_estimated", "start_time_tbd"),
            "true",
            following=(("end_timestamp", _ESTIMATED_END),),
        ),
    ),
    valid_if="{begin_timestamp} < {end_timestamp} AND {home_team} <> {away_team}",
    unknown=(("country", "''"), ("league", "''")),
    renaming=(("name", "text", "home_team", _NAME_IF_ONE_SIDED),),
)

_TEAMS = """
INSERT INTO teams (name, sport, country, category)
SELECT name, sport, country, category
FROM jsonb_to_recordset(%s::jsonb) AS row(name text, sport text, country text, category text)
ORDER BY name, sport, country, category
ON CONFLICT (name, sport, country, category) DO NOTHING
"""

_TEAMS_OF_EVENTS = """
INSERT INTO teams (name, sport, country, category)
SELECT DISTINCT name, sport, country, category
FROM events CROSS JOIN LATERAL (VALUES (home_team), (away_team)) AS playing(name)
WHERE events.id = ANY(%s) AND away_team <> '' ORDER BY name, sport, country, category
ON CONFLICT (name, sport, country, category) DO NOTHING
"""

_IS_WRONG_TEAM = """
(teams.sport, teams.country, teams.category) <> (events.sport, events.country, events.category)
    OR teams.name NOT IN (events.home_team, events.away_team) OR events.away_team = ''
"""

# The events that lack a link or have a wrong one: few, since most messages change an odd or a status.
_EVENTS_TO_LINK = f"""
SELECT events.id FROM events
LEFT JOIN event_teams ON event_teams.event_id = events.id LEFT JOIN teams ON teams.id = event_teams.team_id
WHERE events.id = ANY(%s) GROUP BY events.id
HAVING count(teams.id) <> CASE WHEN events.away_team = '' THEN 0 ELSE 2 END
    OR bool_or({_IS_WRONG_TEAM}) FILTER (WHERE teams.id IS NOT NULL)
"""

_UNLINK_TEAMS = f"""
DELETE FROM event_teams USING events, teams
WHERE event_teams.event_id = ANY(%s) AND events.id = event_teams.event_id AND teams.id = event_teams.team_id
  AND ({_IS_WRONG_TEAM})
"""

_LINK_TEAMS = """
INSERT INTO event_teams (event_id, team_id)
SELECT events.id, teams.id FROM events
CROSS JOIN LATERAL (VALUES (events.home_team), (events.away_team)) AS playing(name)
JOIN teams ON teams.name = playing.name
  AND (teams.sport, teams.country, teams.category) = (events.sport, events.country, events.category)
WHERE events.id = ANY(%s) AND events.away_team <> '' ORDER BY events.id, teams.id
ON CONFLICT (event_id, team_id) DO NOTHING
"""


@dataclass(frozen=True, slots=True, order=True)
class TeamKey:
    """A team: a name within a sport, a country and a category."""

    name: str
    sport: str
    country: str
    category: str = ""


def store_teams(teams: Iterable[TeamKey]) -> None:
    """Store the teams that are not yet stored."""
    with casino_atomic():
        _write_teams(teams)


def _write_teams(teams: Iterable[TeamKey]) -> None:
    execute(_TEAMS, [as_json(sorted(set(teams)))])


def lock_offer() -> bool:
    """Serialize this transaction with others that change events and, if the casino has producers of prices, with those
    that change prices. Returns whether it has.

    A trigger takes the lock at each change of events. Taken before the first statement, it lets each call see the
    changes of the call before; else a removal could delete a later row, or a removed row could be stored again."""
    [(has_prices,)] = query("SELECT lock_offer()")
    return bool(has_prices)


def store_events(rows: Sequence[EventRow | EventChange | Removal]) -> list[Outcome]:
    """Store events, their teams, and the links between them. One-sided events have no teams.

    A row without an id may be a stored event with another begin: see `same_event`. Of several rows of one event, the
    row with the latest `timestamp` wins, of equal ones the last; of its statuses the latest, of equal ones the
    strictest; of its odds, including unusable ones, the latest, of equal ones an unusable one. The markets in a message
    are complete: the other markets of its producer are closed. Removing an event removes its markets.
    """
    rows = with_stored_ids(Kind.EVENTS, rows)
    markets = [UNSET if isinstance(row, Removal) else row.markets for row in rows]
    with casino_atomic():
        if has_markets := any(each is not UNSET for each in markets):
            lock_prices()
            rows = [without_markets(row) for row in rows]
        has_prices = lock_offer()
        same = SameEvents()
        identified = same.identify(rows)
        outcomes = iter(store_in_order([*chain.from_iterable(identified)], _store))
        if same.moved:
            rename_moved(same.moved)
        # a change of several events has the outcome of the first
        stored = [[*islice(outcomes, len(each)), NOT_STORED][0] for each in identified]
        if not has_markets and not has_prices:
            return stored
        found = [each[0] if each else row for each, row in zip(identified, rows, strict=True)]
        return store_markets(found, markets, stored)


def _store(rows: Rows) -> list[Outcome]:
    outcomes = store_rows(rows, EVENTS, remove_events)
    if changed := sorted(_changed_match_ids(rows, outcomes)):
        if to_link := [event_id for (event_id,) in query(_EVENTS_TO_LINK, [changed])]:
            execute(_TEAMS_OF_EVENTS, [to_link])
            execute(_UNLINK_TEAMS, [to_link])
            execute(_LINK_TEAMS, [to_link])
        link_same_matches(changed)
    return outcomes


def _changed_match_ids(rows: Rows, outcomes: Iterable[Outcome]) -> Iterable[int]:
    """The ids of written events whose teams or match may have changed."""
    for row, outcome in zip(rows, outcomes, strict=True):
        is_named = isinstance(row, EventRow) or (isinstance(row, EventChange) and row.is_of_match)
        if is_named and outcome.id is not None:
            yield outcome.id
