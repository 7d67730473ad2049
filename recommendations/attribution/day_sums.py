"""The sums of a day by variant, recommender and placement, and in total, in each currency."""

from collections.abc import Collection
from datetime import date

from tenants.routing.connections import execute

_KEY = "day, breakdown, recommender, placement, experiment, variant, currency"
_SUMS = (
    "answers", "empty", "refused", "withheld", "seen", "clicked", "active", "reached", "bettors", "converted", "bets",
    "stake", "matched_stake", "coupons", "coupon_stake",
)  # fmt: skip

# Each row of sums counts a user once, independently of the other rows.
_COMPUTED = """
sum(answers) AS answers, sum(empty) AS empty, sum(refused) AS refused, sum(withheld) AS withheld, sum(seen) AS seen,
sum(clicked) AS clicked, count(DISTINCT user_id) FILTER (WHERE answers > 0 OR is_of_coupons) AS active,
count(DISTINCT user_id) FILTER (WHERE is_reached) AS reached,
count(DISTINCT user_id) FILTER (WHERE bets > 0 AND NOT is_of_coupons) AS bettors,
count(DISTINCT user_id) FILTER (WHERE bets > 0 AND is_reached) AS converted,
coalesce(sum(bets) FILTER (WHERE NOT is_of_coupons), 0) AS bets,
coalesce(sum(stake) FILTER (WHERE NOT is_of_coupons), 0) AS stake, sum(matched_stake) AS matched_stake,
coalesce(sum(bets) FILTER (WHERE is_of_coupons), 0) AS coupons,
coalesce(sum(stake) FILTER (WHERE is_of_coupons), 0) AS coupon_stake
"""
_SUM = f"""
WITH part AS MATERIALIZED (
    SELECT stored.*, coalesce(users.currency, '') AS currency, recommender = '' AS is_of_coupons,
        answers > empty + refused AS is_reached
    FROM user_days AS stored LEFT JOIN users ON users.id = stored.user_id WHERE day = ANY(%(days)s)
), fresh AS MATERIALIZED (
    SELECT day, ('[0:2]={{variant,recommender,placement}}'::text[])[grouping(recommender, placement)] AS breakdown,
        coalesce(recommender, '') AS recommender, coalesce(placement, '') AS placement,
        coalesce(experiment, '') AS experiment, coalesce(variant, '') AS variant, currency, {_COMPUTED}
    FROM part WHERE NOT is_of_coupons GROUP BY day, currency, GROUPING SETS (
        (recommender, placement, experiment, variant), (recommender), (placement)
    )
    UNION ALL SELECT day, 'total', '', '', '', '', currency, {_COMPUTED} FROM part GROUP BY day, currency
), gone AS (
    DELETE FROM recommendation_days WHERE day = ANY(%(days)s) AND ({_KEY}) NOT IN (SELECT {_KEY} FROM fresh)
)
INSERT INTO recommendation_days AS stored ({_KEY}, {", ".join(_SUMS)})
SELECT {_KEY}, {", ".join(_SUMS)} FROM fresh ORDER BY {_KEY}
ON CONFLICT ({_KEY}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _SUMS)}
"""


def sum_days(days: Collection[date]) -> None:
    """Compute the sums of these days. The caller's transaction must hold the attribution lock."""
    if days:
        execute(_SUM, {"days": sorted(days)})
