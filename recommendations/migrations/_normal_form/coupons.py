"""The selections of coupons, from which users' tallies are counted again."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from recommendations.validation.normal_form import upper_form

from .database import Database, Row

_TEXTS = ("country", "league", "sport", "home_team", "away_team")
_MARK = """
UPDATE users_profile SET needs_rebuild = true, favorite_sport_league_json = NULL WHERE user_id = ANY(%s)
"""
_WITH_EVENTS = """
SELECT id, user_id, {column} AS listed FROM {table} WHERE id > %s AND EXISTS (
    SELECT FROM jsonb_path_query({column}, '$[*].event_id ? (@.type() == "number")') AS listed(event_id)
    WHERE listed.event_id::numeric = ANY(%s)
) ORDER BY id LIMIT 1000
"""


def bring_coupons(database: Database) -> int:
    """Returns the number of changed coupons. The profiles of their users are marked for a rebuild."""
    changed = 0
    for table in ("purchased_coupons", "waiting_coupons"):
        listed = "recommended_events::text"
        for page in database.pages(table, "user_id, recommended_events", listed):
            changed += _store(database, table, "recommended_events", _in_form(page))
    return changed


def move_selections(database: Database, merged: Mapping[int, int]) -> None:
    """Selections and served recommendations of merged events are those of the events that stay."""
    tables = {
        "purchased_coupons": "recommended_events",
        "waiting_coupons": "recommended_events",
        "served_recommendations": "events",
    }
    for table, column in tables.items() if merged else ():
        last = 0
        while page := database.rows(_WITH_EVENTS.format(table=table, column=column), last, list(merged)):
            last = page[-1]["id"]
            moved = [row | {"listed": [_moved(each, merged) for each in _list(row["listed"])]} for row in page]
            _store(database, table, column, moved)


def _store(database: Database, table: str, column: str, rows: Iterable[Row]) -> int:
    rows = list(rows)
    database.update(table, {column: "jsonb"}, [{"id": row["id"], column: row["listed"]} for row in rows])
    database.run(_MARK, [row["user_id"] for row in rows])
    return len(rows)


def _in_form(page: list[Row]) -> Iterable[Row]:
    for row in page:
        given = _list(row["recommended_events"])
        listed = [_selection_in_form(each) for each in given]
        if listed != given:
            yield row | {"listed": listed}


def _list(stored: Any) -> list[Any]:
    found = json.loads(stored) if isinstance(stored, str) else stored
    return found if isinstance(found, list) else []


def _selection_in_form(selection: Any) -> Any:
    """Text that can have no normal form stays."""
    if not isinstance(selection, dict):
        return selection
    texts = {name: selection[name] for name in _TEXTS if isinstance(selection.get(name), str)}
    return selection | {name: upper_form(text) or text for name, text in texts.items()}


def _moved(selection: Any, merged: Mapping[int, int]) -> Any:
    event_id = selection.get("event_id") if isinstance(selection, dict) else None
    return selection | {"event_id": merged[event_id]} if event_id in merged else selection
