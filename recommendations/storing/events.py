"""Events into their casino's database, with their teams."""

from collections.abc import Iterable, Sequence

from recommendations.rows import EventRow, Removal
from tenants.connections import casino_atomic

from .outcomes import Outcome
from .removals import remove_events
from .sql import as_json, execute
from .upsert import Upsert, store_rows, written_ids

EVENTS = Upsert(
    "events",
    (
        ("country", "text"),
        ("begin_timestamp", "timestamptz"),
        ("end_timestamp", "timestamptz"),
        ("league", "text"),
        ("sport", "text"),
        ("odd", "numeric"),
        ("home_team", "text"),
        ("away_team", "text"),
        ("status", "text"),
        ("timestamp", "timestamptz"),
    ),
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


def store_teams(teams: Iterable[tuple[str, str]]) -> None:
    """Store teams, given as (name, sport); those known already stay as they are."""
    rows = [{"name": name, "sport": sport} for name, sport in sorted(set(teams))]
    with casino_atomic():
        execute(_TEAMS, [as_json(rows)])


def store_events(rows: Sequence[EventRow | Removal]) -> list[Outcome]:
    """Store events, their teams, and the links between the two.

    Of several rows of one event the one of the latest `timestamp` counts; of equal ones the last.
    """
    with casino_atomic():
        outcomes = store_rows(rows, EVENTS, remove_events, optional="status")
        if changed := written_ids(outcomes):
            store_teams(_teams_of(row for row in rows if isinstance(row, EventRow)))
            execute(_UNLINK_TEAMS, [changed])
            execute(_LINK_TEAMS, [changed])
    return outcomes


def _teams_of(events: Iterable[EventRow]) -> Iterable[tuple[str, str]]:
    for event in events:
        yield event.home_team, event.sport
        yield event.away_team, event.sport
