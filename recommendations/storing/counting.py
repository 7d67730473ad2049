"""What coupons count in their users' profiles, as a part of an SQL statement."""

from .user_tallies import MERGE_AT

# Counts the coupons of the statement's table expression `written`; `crowded` are the users to be folded then.
COUNT_WRITTEN = f"""
, counted AS (
    INSERT INTO users_profile AS kept (
        user_id, purchases_at_last_update, coupon_count, stake_total, pending_coupon_ids
    )
    SELECT user_id, count(*), count(*), sum(stake), array_agg(id) FROM written GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        purchases_at_last_update = kept.purchases_at_last_update + excluded.purchases_at_last_update,
        coupon_count = kept.coupon_count + excluded.coupon_count,
        stake_total = kept.stake_total + excluded.stake_total,
        pending_coupon_ids = kept.pending_coupon_ids || excluded.pending_coupon_ids
    RETURNING user_id, cardinality(pending_coupon_ids) AS pending
), crowded AS (SELECT user_id FROM counted WHERE pending >= {MERGE_AT})
"""
