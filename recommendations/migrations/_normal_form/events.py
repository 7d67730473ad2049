"""Events and their teams."""

from datetime import UTC

from recommendations.validation.identity import event_key
from recommendations.validation.normal_form import key_form, upper_form

from .database import Database, Row, as_json, can_be_stored, concatenated, in_form
from .natural_keys import NewKeys

_FORMS = dict.fromkeys(("country", "league", "sport", "home_team", "away_team"), upper_form)
_STRICTNESS = ("OPEN", "SUSPENDED", "CANCELLED", "SETTLED")
_SUSPEND = "UPDATE events SET status = 'SUSPENDED' WHERE id = ANY(%s) AND status = 'OPEN'"
_SET_STATUS = "UPDATE events SET status = %s, status_as_of = %s WHERE id = %s"

_RENAMED = "jsonb_to_recordset(%s::jsonb) AS renamed(id bigint, name text, sport text)"
_ADD_TEAMS = f"""
INSERT INTO teams (name, sport) SELECT DISTINCT name, sport FROM {_RENAMED} ON CONFLICT (name, sport) DO NOTHING
"""
_MOVE_LINKS = f"""
INSERT INTO event_teams (event_id, team_id)
SELECT link.event_id, teams.id FROM {_RENAMED} JOIN event_teams AS link ON link.team_id = renamed.id
JOIN teams ON teams.name = renamed.name AND teams.sport = renamed.sport
ON CONFLICT (event_id, team_id) DO NOTHING
"""


def bring_events(database: Database) -> tuple[int, list[int], dict[int, int]]:
    """Returns the number of changed events; the ids of those that can have no normal form, which are suspended; and
    each event that was merged into another, with that one."""
    keys, changed, unusable = NewKeys(database, "events"), 0, list[int]()
    columns = ", ".join((*_FORMS, "begin_timestamp", "natural_key"))
    for page in database.pages("events", columns, concatenated(_FORMS)):
        updates: list[Row] = []
        found = []
        for row in page:
            texts = in_form(row, _FORMS)
            if not can_be_stored(row, texts) or key_form(texts["home_team"]) == key_form(texts["away_team"]):
                unusable.append(row["id"])
                continue
            if any(texts[name] != row[name] for name in texts):
                updates.append({"id": row["id"], **texts})
            if row["natural_key"] is not None:
                begin = row["begin_timestamp"].astimezone(UTC).isoformat()
                names = (texts[name] for name in ("sport", "league", "home_team", "away_team"))
                found.append((row["id"], event_key(*names, begin)))
        database.update("events", dict.fromkeys(_FORMS, "text"), updates)
        keys.add(found)
        changed += len(updates)
    database.run(_SUSPEND, unusable)
    merged = {other: kept for kept, others in keys.groups() for other in _merge(database, kept, others)}
    keys.store()
    return changed, unusable, merged


def _merge(database: Database, kept: int, others: list[int]) -> list[int]:
    """The strictest status of all is that of the event that stays."""
    rows = database.rows(
        "SELECT status, COALESCE(status_as_of, timestamp) AS as_of FROM events WHERE id = ANY(%s)", [kept, *others]
    )
    strictest = max((row["status"] for row in rows), key=_STRICTNESS.index)
    as_of = max((row["as_of"] for row in rows if row["as_of"] is not None), default=None)
    database.run(_SET_STATUS, strictest, as_of, kept)
    database.run("DELETE FROM event_teams WHERE event_id = ANY(%s)", others)
    database.run("DELETE FROM events WHERE id = ANY(%s)", others)
    return others


def bring_teams(database: Database) -> int:
    """Returns the number of renamed teams."""
    renamed = 0
    for page in database.pages("teams", "name, sport", "concat(name, sport)"):
        rows = [{"id": row["id"], "name": upper_form(row["name"]), "sport": upper_form(row["sport"])} for row in page]
        pairs = zip(page, rows, strict=True)
        changed = [row for given, row in pairs if row != given and can_be_stored(given, {"name": row["name"]})]
        rows_json = as_json(changed)
        for statement in (_ADD_TEAMS, _MOVE_LINKS):
            database.run(statement, rows_json)
        ids = [row["id"] for row in changed]
        database.run("DELETE FROM event_teams WHERE team_id = ANY(%s)", ids)
        database.run("DELETE FROM teams WHERE id = ANY(%s)", ids)
        renamed += len(changed)
    return renamed
