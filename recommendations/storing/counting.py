"""What coupons count in their users' profiles, as parts of SQL statements."""

# Counts the coupons of the statement's table expression `written`.
COUNT_WRITTEN = """
, counted AS (
    INSERT INTO users_profile AS kept (user_id, purchases_at_last_update, coupon_count, stake_total)
    SELECT user_id, count(*), count(*), sum(stake) FROM written GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        purchases_at_last_update = kept.purchases_at_last_update + excluded.purchases_at_last_update,
        coupon_count = kept.coupon_count + excluded.coupon_count,
        stake_total = kept.stake_total + excluded.stake_total
)
"""

# Takes back the coupons of the statement's table expression `removed`. Those that psql made were never counted.
UNCOUNT_REMOVED = """
, uncounted AS (
    UPDATE users_profile AS kept SET
        coupon_count = greatest(kept.coupon_count - gone.coupons, 0),
        stake_total = greatest(kept.stake_total - gone.stakes, 0)
    FROM (SELECT user_id, count(*) AS coupons, sum(stake) AS stakes FROM removed GROUP BY user_id) AS gone
    WHERE kept.user_id = gone.user_id
)
"""
