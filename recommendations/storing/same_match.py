"""Links events that are the same match with two ids, as two feeds of one casino send it.

They have the same sport, country and teams and, if both have one, the same category; their leagues may be spelled
differently. Their begins differ by less than two hours: the matches of a doubleheader are further apart. One-sided
events must also have the same league, since different races have the same name.
"""

from collections.abc import Sequence

from tenants.routing.connections import execute

_IS_SAME = """
(own.sport, own.country, own.home_team, own.away_team) = (other.sport, other.country, other.home_team, other.away_team)
    AND other.begin_timestamp > own.begin_timestamp - interval '2 hours'
    AND other.begin_timestamp < own.begin_timestamp + interval '2 hours'
    AND (own.category = other.category OR '' IN (own.category, other.category))
    AND (own.away_team <> '' OR own.league = other.league)
    AND own.id <> other.id
"""
# More ids of one match are a sender's mistake: linking thousands of events would take minutes.
_MOST = 20
_OTHERS = f"SELECT other.id FROM events AS other WHERE {_IS_SAME} ORDER BY other.begin_timestamp LIMIT {_MOST}"
_LINKS = f"(SELECT array_agg(id ORDER BY id) FROM ({_OTHERS}) AS near)"
# Affected are the changed events, the events that were linked to them, and those that are the same match now. Their ids
# are an array: for a join, PostgreSQL would read all events. Parameter: the changed ids.
_LINK = f"""
WITH changed AS MATERIALIZED (SELECT * FROM events WHERE id = ANY(%s)), affected AS (
    SELECT id FROM changed
    UNION SELECT unnest(same_match_ids) FROM changed
    UNION SELECT near.id FROM changed AS own CROSS JOIN LATERAL ({_OTHERS}) AS near
)
UPDATE events AS own SET same_match_ids = {_LINKS}
WHERE id = ANY(ARRAY(SELECT id FROM affected)) AND same_match_ids IS DISTINCT FROM {_LINKS}
"""


def link_same_matches(changed: Sequence[int]) -> None:
    """Store in each of these events, and in the events that are or were linked to them, the ids of the others that are
    the same match, at most `_MOST`."""
    execute(_LINK, [changed])
