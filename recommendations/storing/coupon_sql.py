"""The SQL that stores new and waiting coupons as purchased coupons, and counts them in users' profiles.

One statement locks all profiles in the order of their users, for coupons with and without ids, so that concurrent calls
can't deadlock.
"""

from .user_tallies import MERGE_AT

# Drops the rows of the table expression `row` that are older than their user's erasure.
UNLESS_OF_ERASED = (
    "WHERE NOT EXISTS (SELECT FROM erased_users AS erased "
    "WHERE erased.user_id = row.user_id AND erased.erased_at >= row.timestamp)"
)

# Stores the coupons of the table expression `incoming`. It adds two table expressions: `written`, the new coupons;
# `due`, the users whose coupons must be merged into their tallies now.
STORE_INCOMING = f"""
, with_ids AS (
    INSERT INTO purchased_coupons AS coupon (
        id, user_id, stake, timestamp, recommended_events, unread_selections, recommendation_id
    )
    SELECT id, user_id, stake, timestamp, recommended_events, unread_selections, recommendation_id FROM incoming
    WHERE id IS NOT NULL AND NOT EXISTS (
        SELECT FROM removed_rows AS removed WHERE removed.kind = 'purchased_coupons' AND removed.row_id = incoming.id
    ) ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id, natural_key, user_id, stake
), without_ids AS (
    INSERT INTO purchased_coupons AS coupon (
        user_id, stake, timestamp, recommended_events, unread_selections, recommendation_id, natural_key
    )
    SELECT user_id, stake, timestamp, recommended_events, unread_selections, recommendation_id, natural_key
    FROM incoming WHERE id IS NULL
    ORDER BY natural_key ON CONFLICT (natural_key) DO NOTHING RETURNING id, natural_key, user_id, stake
), written AS (SELECT * FROM with_ids UNION ALL SELECT * FROM without_ids)
, counted AS (
    INSERT INTO users_profile AS stored (
        user_id, purchases_at_last_update, coupon_count, stake_total, pending_coupon_ids
    )
    SELECT user_id, count(*), count(*), sum(stake), array_agg(id) FROM written GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        purchases_at_last_update = stored.purchases_at_last_update + excluded.purchases_at_last_update,
        coupon_count = stored.coupon_count + excluded.coupon_count,
        stake_total = stored.stake_total + excluded.stake_total,
        pending_coupon_ids = stored.pending_coupon_ids || excluded.pending_coupon_ids
    RETURNING user_id, cardinality(pending_coupon_ids) AS unmerged
), due AS (SELECT user_id FROM counted WHERE unmerged >= {MERGE_AT})
"""
