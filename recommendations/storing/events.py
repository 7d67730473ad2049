"""Storing events and their teams."""

from collections.abc import Iterable, Sequence

from recommendations.validation.rows import EventRow, Removal, Row
from tenants.routing.connections import casino_atomic, execute

from .outcomes import Outcome
from .removal import remove_events
from .upsert import as_json, store_in_order, store_rows, written_ids
from .upsert_sql import Timed, Upsert

_STRICTNESS = "CASE {row}.status WHEN 'OPEN' THEN 0 WHEN 'SUSPENDED' THEN 1 WHEN 'CANCELLED' THEN 2 ELSE 3 END"

EVENTS = Upsert(
    "events",
    (
        ("country", "text"),
        ("begin_timestamp", "timestamptz"),
        ("end_timestamp", "timestamptz"),
        ("start_time_tbd", "boolean"),
        ("league", "text"),
        ("sport", "text"),
        ("odd", "numeric"),
        ("home_team", "text"),
        ("away_team", "text"),
        ("status", "text"),
        ("timestamp", "timestamptz"),
    ),
    timed=(Timed(("status",), f"{_STRICTNESS.format(row='{new}')} > {_STRICTNESS.format(row='{old}')}"),),
)

_TEAMS = """
INSERT INTO teams (name, sport)
SELECT name, sport FROM jsonb_to_recordset(%s::jsonb) AS row(name text, sport text) ORDER BY name, sport
ON CONFLICT (name, sport) DO NOTHING
"""

_UNLINK_TEAMS = """
DELETE FROM event_teams USING events, teams
WHERE event_teams.event_id = ANY(%s) AND events.id = event_teams.event_id AND teams.id = event_teams.team_id
  AND (teams.sport <> events.sport OR teams.name NOT IN (events.home_team, events.away_team))
"""

_LINK_TEAMS = """
INSERT INTO event_teams (event_id, team_id)
SELECT events.id, teams.id FROM events
CROSS JOIN LATERAL (VALUES (events.home_team), (events.away_team)) AS playing(name)
JOIN teams ON teams.sport = events.sport AND teams.name = playing.name
WHERE events.id = ANY(%s) ORDER BY events.id, teams.id
ON CONFLICT (event_id, team_id) DO NOTHING
"""


# A trigger takes this lock at each change of events. Taken before the first statement, it lets each call see the
# changes of the one before: else a removal could delete a later row, or a row just removed could be stored again.
_LOCK_OFFER = "SELECT FROM offer_version WHERE id = 1 FOR UPDATE"


def store_teams(teams: Iterable[tuple[str, str]]) -> None:
    """Store the teams, each (name, sport), that are not stored yet."""
    with casino_atomic():
        _write_teams(teams)


def _write_teams(teams: Iterable[tuple[str, str]]) -> None:
    rows = [{"name": name, "sport": sport} for name, sport in sorted(set(teams))]
    execute(_TEAMS, [as_json(rows)])


def store_events(rows: Sequence[EventRow | Removal]) -> list[Outcome]:
    """Store events, their teams, and the links between them.

    Of several rows of one event, the one with the latest `timestamp` wins; of equal ones the last. Of those that have a
    status, the latest; of equal ones the strictest.
    """
    with casino_atomic():
        execute(_LOCK_OFFER)
        return store_in_order(rows, _store)


def _store(rows: Sequence[Row | Removal]) -> list[Outcome]:
    outcomes = store_rows(rows, EVENTS, remove_events)
    if changed := written_ids(outcomes):
        _write_teams(_teams_of_written(rows, outcomes))
        execute(_UNLINK_TEAMS, [changed])
        execute(_LINK_TEAMS, [changed])
    return outcomes


def _teams_of_written(rows: Iterable[Row | Removal], outcomes: Iterable[Outcome]) -> Iterable[tuple[str, str]]:
    for row, outcome in zip(rows, outcomes, strict=True):
        if isinstance(row, EventRow) and outcome.id is not None:
            yield row.home_team, row.sport
            yield row.away_team, row.sport
