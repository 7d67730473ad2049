"""The casino's tallies: those of a value in two forms, and of a merged event, are added up."""

from collections.abc import Mapping

from recommendations.validation.fields import SEPARATOR
from recommendations.validation.normal_form import upper_form

from .database import PAGE, Database, Row, as_json

_HALF_LIVES = {"weight": 30 * 86_400, "trend": 86_400}
_FIND = f"""
SELECT attribute, value FROM casino_tallies
WHERE (attribute, value) > (%s, %s)
  AND (octet_length(value) <> char_length(value) OR attribute = 'event' AND value = ANY(%s))
ORDER BY attribute, value LIMIT {PAGE}
"""
_RENAMED = "jsonb_to_recordset(%s::jsonb) AS renamed(attribute text, value text, name text)"
_LATEST = "GREATEST(stored.as_of, excluded.as_of)"
_SUMS = ", ".join(
    f"{name} = stored.{name} * power(2.0, (stored.as_of - {_LATEST}) / {half_life}) "
    f"+ excluded.{name} * power(2.0, (excluded.as_of - {_LATEST}) / {half_life})"
    for name, half_life in _HALF_LIVES.items()
)
_TAKE = f"""
DELETE FROM casino_tallies AS tally USING {_RENAMED}
WHERE tally.attribute = renamed.attribute AND tally.value = renamed.value
RETURNING tally.attribute, renamed.name AS value, tally.count, tally.weight, tally.trend, tally.as_of
"""
_ADD = f"""
INSERT INTO casino_tallies AS stored (attribute, value, count, weight, trend, as_of) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (attribute, value) DO UPDATE SET
    count = stored.count + excluded.count, {_SUMS}, as_of = {_LATEST}
"""


def bring_tallies(database: Database, merged_events: Mapping[int, int]) -> int:
    """Returns the number of renamed values."""
    events = {str(other): str(kept) for other, kept in merged_events.items()}
    renamed, last = 0, ("", "")
    while page := database.rows(_FIND, *last, list(events)):
        last = page[-1]["attribute"], page[-1]["value"]
        named = [row | {"name": _renamed(row, events)} for row in page]
        changed = [row for row in named if row["name"] != row["value"]]
        for row in database.rows(_TAKE, as_json(changed)):
            database.run(_ADD, *row.values())
        renamed += len(changed)
    return renamed


def _renamed(row: Row, events: Mapping[str, str]) -> str:
    """An event without an id is its sport, league and teams. Text that can have no normal form stays."""
    value: str = row["value"]
    if row["attribute"] == "event" and value in events:
        return events[value]
    return SEPARATOR.join(upper_form(part) or part for part in value.split(SEPARATOR))
