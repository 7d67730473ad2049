"""The exposure report: a casino's answers, checked against the rules of responsible gambling.

It reads stored rows only, and shares no code with the guard rails, so that it finds their errors.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.options import Options
from recommendations.text_ids import texts_of
from recommendations.validation.own_ids import OwnId
from tenants.routing.connections import query

MOST_LISTED = 100
COMPARED_USERS = 2_000  # users whose stakes are compared, sampled by a hash: enough for a share to 1 or 2 %

# A restriction counts from its message's time on, while the user still has it. Ages are computed from the birth date
# that is known now, since it is also valid for earlier answers.
_FLAG = """CASE
    WHEN u.status <> 'ACTIVE' AND s.timestamp >= coalesce(u.status_as_of, u.timestamp)
        AND (u.status NOT IN ('SELF_EXCLUDED', 'TIME_OUT') OR u.status_until IS NULL OR s.timestamp < u.status_until)
        THEN lower(u.status)
    WHEN u.is_withheld AND s.timestamp >= coalesce(u.is_withheld_as_of, u.timestamp) THEN 'withheld'
    WHEN age.years < %(minimum_age)s THEN 'under_age'
    WHEN age.years IS NULL AND NOT %(allow_unknown_age)s AND s.timestamp >= u.timestamp THEN 'age_unknown'
    WHEN u.currency IN ('', s.currency) AND (
        s.stake > u.stake_limit AND s.timestamp >= coalesce(u.stake_limit_as_of, u.timestamp)
        OR s.stake > u.limit_left AND s.timestamp >= coalesce(u.limit_left_as_of, u.timestamp)
    ) THEN 'above_limit'
    WHEN NOT u.personalisation AND s.timestamp >= u.personalisation_as_of AND s.recommender = ANY(%(personal)s)
        THEN 'personalised'
END"""
# With a birth year and a birth date, the lower age counts; with a year alone, the birthday is its last day.
_AGE = """
CROSS JOIN LATERAL (SELECT (s.timestamp AT TIME ZONE 'UTC')::date AS day) AS answered
CROSS JOIN LATERAL (
    SELECT CASE WHEN u.birth_date IS NULL OR extract(year FROM u.birth_date) < u.birth_year
        THEN extract(year FROM answered.day) - u.birth_year - 1
        ELSE extract(year FROM age(answered.day, u.birth_date)) END AS years
) AS age
"""
_ANSWERS = f"""
FROM served_recommendations AS s JOIN users AS u ON u.id = s.user_id {_AGE}
CROSS JOIN LATERAL (SELECT CASE WHEN s.events <> '[]' THEN {_FLAG} END AS flag) AS found
WHERE s.timestamp >= %(since)s AND s.timestamp < %(until)s AND s.shown
"""
# OFFSET 0 prevents PostgreSQL from sorting whole rows with their events.
_BY_DAY = f"""
SELECT day, refusal, flag, count(*), count(*) FILTER (WHERE has_events) FROM (
    SELECT answered.day, s.refusal, found.flag, s.events <> '[]' AS has_events {_ANSWERS} OFFSET 0
) AS answers GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608 (constants of this module)
_FLAGGED = f"""
SELECT s.user_id, s.recommendation_id, s.timestamp, found.flag {_ANSWERS} AND found.flag IS NOT NULL
ORDER BY s.timestamp DESC, s.id DESC LIMIT %(most)s
"""
# The median stake is computed as for suggested stakes: over the latest 50 stakes without free bets, since the user has
# this currency. A user's coupons are read once, by coupon_user_time: those before the period and those in it. `unnest`
# keeps an array's order, so that the first 50 before a day are the latest. Users who do not allow personalisation are
# excluded.
_STAKES = """
WITH asked AS MATERIALIZED (
    SELECT user_id FROM served_recommendations
    WHERE timestamp >= %(since)s AND timestamp < %(until)s AND shown AND stake > 0
    GROUP BY user_id ORDER BY hashint8(user_id), user_id LIMIT %(users)s
), suggested AS MATERIALIZED (
    SELECT user_id, (timestamp AT TIME ZONE 'UTC')::date AS day, currency, array_agg(stake::float8) AS stakes
    FROM served_recommendations JOIN asked USING (user_id)
    WHERE timestamp >= %(since)s AND timestamp < %(until)s AND shown AND stake > 0
    GROUP BY 1, 2, 3
), own AS MATERIALIZED (
    SELECT u.id AS user_id, u.currency, latest.stakes, latest.times
    FROM asked JOIN users AS u ON u.id = asked.user_id CROSS JOIN LATERAL (
        SELECT array_agg(stake ORDER BY timestamp DESC, id DESC) AS stakes,
            array_agg(timestamp ORDER BY timestamp DESC, id DESC) AS times
        FROM (
            (
                SELECT stake::float8, coupon.timestamp, coupon.id FROM purchased_coupons AS coupon
                WHERE coupon.user_id = u.id AND stake > 0 AND coupon.timestamp < %(until)s
                    AND coupon.timestamp >= greatest(%(since)s, u.currency_since)
            ) UNION ALL (
                SELECT stake::float8, coupon.timestamp, coupon.id FROM purchased_coupons AS coupon
                WHERE coupon.user_id = u.id AND stake > 0 AND coupon.timestamp < %(since)s
                    AND coupon.timestamp >= coalesce(u.currency_since, '-infinity')
                ORDER BY coupon.timestamp DESC, coupon.id DESC LIMIT 50
            )
        ) AS coupon
    ) AS latest
    WHERE u.personalisation AND latest.stakes IS NOT NULL
), usual AS MATERIALIZED (
    SELECT day, suggested.stakes, (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY stake) FROM (
            SELECT stake FROM unnest(own.stakes, own.times) AS bet (stake, time)
            WHERE time < day::timestamp AT TIME ZONE 'UTC' LIMIT 50
        ) AS latest
    ) AS median
    FROM suggested JOIN own USING (user_id, currency)
)
SELECT day, count(*), count(*) FILTER (WHERE stake > median),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY stake / median)
FROM usual, unnest(stakes) AS stake WHERE median IS NOT NULL GROUP BY day
"""


class Stakes(msgspec.Struct, frozen=True):
    """Suggested stakes compared with the users' own median stakes before that day, of up to `COMPARED_USERS` users of
    the period: the number of `compared` stakes, the number `above` the median, and the median of suggested stake / own
    median, None without any."""

    compared: int = 0
    above: int = 0
    median_ratio: float | None = None


class ExposureDay(msgspec.Struct, frozen=True):
    """One day (UTC): the number of sent `answers`, and of those `with_events`; the number of `refused` answers by code,
    and of `flagged` ones, with events for a user who must not get any, by reason."""

    day: date
    answers: int
    with_events: int
    refused: dict[str, int]
    flagged: dict[str, int]
    stakes: Stakes

    @property
    def refused_share(self) -> float:
        return sum(self.refused.values()) / self.answers

    @property
    def flagged_count(self) -> int:
        return sum(self.flagged.values())


class FlaggedAnswer(msgspec.Struct, frozen=True):
    user_id: OwnId
    recommendation_id: str
    timestamp: datetime
    flag: str


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a period. `flagged` has the latest `MOST_LISTED` flagged answers; `days` has no days without
    answers."""

    casino_id: int
    since: datetime
    until: datetime
    days: tuple[ExposureDay, ...]
    flagged: tuple[FlaggedAnswer, ...]

    @property
    def flagged_count(self) -> int:
        return sum(each.flagged_count for each in self.days)


def report_exposure(*, casino_id: int, options: Options, now: datetime, days: int) -> Exposure:
    """The report of the current casino for the last `days` days, including today, by its current options."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=days - 1)
    parameters: dict[str, Any] = {
        "since": since,
        "until": now,
        "minimum_age": options.minimum_age,
        "allow_unknown_age": options.allow_unknown_age,
        "personal": [each.name for each in RECOMMENDERS.values() if each.is_personal],
        "most": MOST_LISTED,
        "users": COMPARED_USERS,
    }
    by_day = tuple(_days(parameters))
    return Exposure(
        casino_id=casino_id,
        since=since,
        until=now,
        days=by_day,
        flagged=tuple(_flagged(parameters)) if any(each.flagged for each in by_day) else (),
    )


def _days(parameters: dict[str, Any]) -> Iterator[ExposureDay]:
    stakes = {day: Stakes(compared, above, ratio) for day, compared, above, ratio in query(_STAKES, parameters)}
    groups: dict[date, list[tuple[str, str | None, int, int]]] = {}
    for day, *group in query(_BY_DAY, parameters):
        groups.setdefault(day, []).append(tuple(group))
    for day, groups_of_day in groups.items():
        yield ExposureDay(
            day=day,
            answers=sum(answers for *_, answers, _ in groups_of_day),
            with_events=sum(shown for *_, shown in groups_of_day),
            refused={refusal: answers for refusal, _, answers, _ in groups_of_day if refusal},
            flagged={flag: answers for _, flag, answers, _ in groups_of_day if flag},
            stakes=stakes.get(day, Stakes()),
        )


def _flagged(parameters: dict[str, Any]) -> Iterator[FlaggedAnswer]:
    rows = query(_FLAGGED, parameters)
    texts = texts_of(user_id for user_id, *_ in rows)
    for user_id, recommendation_id, timestamp, flag in rows:
        yield FlaggedAnswer(texts.get(user_id, user_id), str(recommendation_id), timestamp, flag)
