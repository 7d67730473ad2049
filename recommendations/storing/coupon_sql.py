"""The one statement by which coupons become purchased coupons: those that come, and those that have waited.

Each is counted in its user's profile by the same statement, once for all coupons, with and without ids; the profiles
are locked in the order of their users. Two calls at once so can't lock each other out.
"""

from .counting import COUNT_WRITTEN

# Of the table expression `row`, leaves what is of a time before its user was erased.
UNLESS_OF_ERASED = (
    "WHERE NOT EXISTS (SELECT FROM erased_users AS erased "
    "WHERE erased.user_id = row.user_id AND erased.erased_at >= row.timestamp)"
)

# Stores the coupons of the statement's table expression `incoming`, as the table expression `written`.
STORE_INCOMING = f"""
, with_ids AS (
    INSERT INTO purchased_coupons AS coupon (id, user_id, stake, timestamp, recommended_events)
    SELECT id, user_id, stake, timestamp, recommended_events FROM incoming WHERE id IS NOT NULL AND NOT EXISTS (
        SELECT FROM removed_rows AS removed WHERE removed.kind = 'purchased_coupons' AND removed.row_id = incoming.id
    ) ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id, natural_key, user_id, stake
), without_ids AS (
    INSERT INTO purchased_coupons AS coupon (user_id, stake, timestamp, recommended_events, natural_key)
    SELECT user_id, stake, timestamp, recommended_events, natural_key FROM incoming WHERE id IS NULL
    ORDER BY natural_key ON CONFLICT (natural_key) DO NOTHING RETURNING id, natural_key, user_id, stake
), written AS (SELECT * FROM with_ids UNION ALL SELECT * FROM without_ids)
{COUNT_WRITTEN}
"""
