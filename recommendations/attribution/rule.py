"""The rule by which a coupon is attributed to a recommendation.

It depends on the stored rows alone, not on the order of their arrival.

Candidates are the answers with events to the coupon's user, no later than the coupon and at most `window` before it:
the latest `MAX_CANDIDATES`, and the answer that the coupon names. A candidate must be named or have one of the coupon's
events. The coupon is attributed to the first candidate in the order: named, shown, most matched selections, latest.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tenants.routing.connections import execute

MAX_CANDIDATES = 200  # bounds the cost of users with very many requests, such as a load test's

_ANSWER_COLUMNS = """
recommendation_id, served.timestamp, recommender, placement, experiment, variant, shown, currency, events
"""
_IN_WINDOW = """
served.user_id = coupon.user_id AND served.timestamp <= coupon.timestamp
AND served.timestamp >= coupon.timestamp - %(window)s AND served.events <> '[]'
"""

# Event ids are compared as text, so that an invalid id in a stored selection does not fail the statement.
_ATTRIBUTE = f"""
WITH coupon AS MATERIALIZED (
    SELECT id AS coupon_id, user_id, stake, timestamp, recommendation_id AS named,
        recommended_events || coalesce(unread_selections, '[]') AS selections
    FROM purchased_coupons WHERE id = ANY(%(coupons)s) AND timestamp >= %(since)s
), answer AS MATERIALIZED (
    SELECT coupon_id, false AS is_named, latest.* FROM coupon, LATERAL (
        SELECT {_ANSWER_COLUMNS} FROM served_recommendations AS served
        WHERE {_IN_WINDOW} AND recommendation_id IS DISTINCT FROM coupon.named
        ORDER BY served.timestamp DESC, recommendation_id DESC LIMIT {MAX_CANDIDATES}
    ) AS latest
    UNION ALL
    SELECT coupon_id, true, {_ANSWER_COLUMNS}
    FROM coupon JOIN served_recommendations AS served ON recommendation_id = coupon.named AND {_IN_WINDOW}
), selection AS MATERIALIZED (
    SELECT coupon_id, number, event_id, market, coalesce(line, '') AS line, outcome FROM coupon, ROWS FROM (
        jsonb_to_recordset(selections) AS (event_id text, market text, line text, outcome text)
    ) WITH ORDINALITY AS each (event_id, market, line, outcome, number) WHERE event_id IS NOT NULL
), offered AS (
    SELECT coupon_id, recommendation_id, event_id, market, coalesce(line, '') AS line, outcome, team
    FROM answer, jsonb_to_recordset(events) AS (event_id text, market text, line text, outcome text, team text)
), matched AS (
    SELECT coupon_id, recommendation_id, number, min(event_id)::bigint AS event_id,
        max(CASE WHEN selection.market = offered.market AND selection.line = offered.line
            THEN CASE WHEN selection.outcome = offered.outcome THEN 2 ELSE 1 END ELSE 0 END) AS level,
        bool_or(team = 'A') AS is_of_a, bool_or(team = 'B') AS is_of_b,
        min(coalesce(selection.market, offered.market)) AS market
    FROM selection JOIN offered USING (coupon_id, event_id) GROUP BY coupon_id, recommendation_id, number
), scored AS (
    SELECT coupon_id, recommendation_id, count(*) AS matched_selections, min(level) AS level,
        array_agg(DISTINCT event_id ORDER BY event_id) AS matched,
        coalesce(array_agg(DISTINCT market ORDER BY market) FILTER (WHERE market IS NOT NULL), '{{}}') AS markets,
        count(*) FILTER (WHERE is_of_a) AS credit_a, count(*) FILTER (WHERE is_of_b) AS credit_b
    FROM matched GROUP BY coupon_id, recommendation_id
), best AS (
    SELECT DISTINCT ON (coupon_id) coupon_id, recommendation_id, timestamp AS answered_at, recommender, placement,
        experiment, variant, shown, currency, coalesce(matched_selections, 0) AS matched_selections,
        coalesce(matched, '{{}}') AS matched, coalesce(markets, '{{}}') AS markets, coalesce(credit_a, 0) AS credit_a,
        coalesce(credit_b, 0) AS credit_b,
        CASE WHEN is_named THEN 'named' ELSE ('[0:2]={{event,market,outcome}}'::text[])[level] END AS how
    FROM answer LEFT JOIN scored USING (coupon_id, recommendation_id) WHERE is_named OR matched_selections > 0
    ORDER BY coupon_id, is_named DESC, shown DESC, coalesce(matched_selections, 0) DESC, timestamp DESC,
        recommendation_id DESC
), gone AS (
    DELETE FROM attributions WHERE coupon_id = ANY(%(coupons)s) AND day >= (%(since)s AT TIME ZONE 'UTC')::date
    AND coupon_id NOT IN (SELECT coupon_id FROM best)
)
INSERT INTO attributions AS stored (
    coupon_id, user_id, day, recommendation_id, recommender, placement, experiment, variant, shown, stake,
    matched_stake, currency, selections, matched_selections, matched, markets, how, credit_a, credit_b, seconds
)
SELECT coupon_id, user_id, (timestamp AT TIME ZONE 'UTC')::date, recommendation_id, recommender, placement, experiment,
    variant, shown, stake, trim_scale(round(stake * matched_selections / jsonb_array_length(selections), 8)), currency,
    jsonb_array_length(selections), matched_selections, matched, markets, how, credit_a, credit_b,
    extract(epoch FROM timestamp - answered_at)
FROM best JOIN coupon USING (coupon_id) ORDER BY coupon_id
ON CONFLICT (coupon_id) DO UPDATE SET
    recommendation_id = excluded.recommendation_id, recommender = excluded.recommender,
    placement = excluded.placement, experiment = excluded.experiment, variant = excluded.variant,
    shown = excluded.shown, matched_stake = excluded.matched_stake, currency = excluded.currency,
    matched_selections = excluded.matched_selections, matched = excluded.matched, markets = excluded.markets,
    how = excluded.how, credit_a = excluded.credit_a, credit_b = excluded.credit_b, seconds = excluded.seconds
WHERE stored.* IS DISTINCT FROM excluded.*
"""


def attribute_coupons(coupon_ids: Sequence[int], *, window: timedelta, since: datetime) -> None:
    """Attribute those of the current casino's coupons that are of `since` or later. Coupons that are deleted, or match
    no recommendation, lose their attribution. The caller's transaction must hold the attribution lock."""
    execute(_ATTRIBUTE, {"coupons": list(coupon_ids), "window": window, "since": since})
