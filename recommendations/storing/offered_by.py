"""Stores which producers have an open price for each event; it writes only changed values."""

from collections.abc import Collection

from tenants.routing.connections import execute, query

# Null stays for an event that never had markets: its own odd applies.
_FLIPPED = """
SELECT events.id, COALESCE(bits, 0) FROM events LEFT JOIN LATERAL (
    SELECT COALESCE(bit_or(1 << producer) FILTER (WHERE status = 'open' AND 0 < ANY(odds)), 0) AS bits
    FROM markets WHERE event_id = events.id HAVING count(*) > 0
) AS offered ON true
WHERE events.id = ANY(%s)
    AND offered_by IS DISTINCT FROM COALESCE(bits, CASE WHEN offered_by IS NOT NULL THEN 0 END)
ORDER BY events.id
"""
_FLIP = """
UPDATE events SET offered_by = flipped.bits FROM unnest(%s::bigint[], %s::int[]) AS flipped(id, bits)
WHERE events.id = flipped.id
"""


def flip_offered_by(event_ids: Collection[int]) -> None:
    """Update `offered_by` of these events where it differs. The transaction holds the lock of the prices."""
    if event_ids and (flipped := query(_FLIPPED, [sorted(event_ids)])):
        ids, bits = zip(*flipped, strict=True)
        execute(_FLIP, [list(ids), list(bits)])
