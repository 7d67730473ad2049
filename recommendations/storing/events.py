"""Storing events and their teams."""

from collections.abc import Iterable, Sequence

from recommendations.validation.changes import EventChange
from recommendations.validation.rows import EventRow, Removal
from tenants.routing.connections import casino_atomic, execute

from .outcomes import Outcome
from .removal import remove_events
from .upsert import Rows, store_in_order, store_rows
from .upsert_sql import Timed, Upsert, as_json

_STRICTNESS = (
    "CASE {row}.status WHEN 'OPEN' THEN 0 WHEN 'LIVE' THEN 1 WHEN 'SUSPENDED' THEN 2 WHEN 'CANCELLED' THEN 3 ELSE 4 END"
)
# The last to arrive, but for a usable odd after none.
_IS_AS_WITHHELD = "({new}.is_withheld OR NOT {old}.is_withheld)"

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
        ("is_withheld", "boolean"),
        ("timestamp", "timestamptz"),
    ),
    timed=(
        Timed(("status",), f"{_STRICTNESS.format(row='{new}')} > {_STRICTNESS.format(row='{old}')}"),
        Timed(("odd", "is_withheld"), _IS_AS_WITHHELD),
        Timed(("begin_timestamp", "end_timestamp", "start_time_tbd"), "true"),
    ),
    valid_if="{begin_timestamp} < {end_timestamp} AND {home_team} <> {away_team}",
)

_TEAMS = """
INSERT INTO teams (name, sport)
SELECT name, sport FROM jsonb_to_recordset(%s::jsonb) AS row(name text, sport text) ORDER BY name, sport
ON CONFLICT (name, sport) DO NOTHING
"""

_TEAMS_OF_EVENTS = """
INSERT INTO teams (name, sport)
SELECT DISTINCT name, sport FROM events CROSS JOIN LATERAL (VALUES (home_team), (away_team)) AS playing(name)
WHERE events.id = ANY(%s) ORDER BY name, sport
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


def store_events(rows: Sequence[EventRow | EventChange | Removal]) -> list[Outcome]:
    """Store events, their teams, and the links between them.

    Of several rows of one event, the one with the latest `timestamp` wins; of equal ones the last. Of those that have a
    status, the latest; of equal ones the strictest. Of those with an odd, or found without a usable one, the latest; of
    equal ones that without.
    """
    with casino_atomic():
        execute(_LOCK_OFFER)
        return store_in_order(rows, _store)


def _store(rows: Rows) -> list[Outcome]:
    outcomes = store_rows(rows, EVENTS, remove_events)
    if changed := sorted(_with_other_teams(rows, outcomes)):
        execute(_TEAMS_OF_EVENTS, [changed])
        execute(_UNLINK_TEAMS, [changed])
        execute(_LINK_TEAMS, [changed])
    return outcomes


def _with_other_teams(rows: Rows, outcomes: Iterable[Outcome]) -> Iterable[int]:
    """The ids of the written events whose teams may be others than before."""
    for row, outcome in zip(rows, outcomes, strict=True):
        is_named = isinstance(row, EventRow) or (isinstance(row, EventChange) and row.has_teams)
        if is_named and outcome.id is not None:
            yield outcome.id
