"""The exposure report: what a casino's users were shown, by what responsible gambling asks.

It reads rows alone and shares no code with the guard rails, so that it finds what they let through.
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

# A restriction counts from the time that its message names, while the user still has it. Of an age, what is known now
# counts: nobody was older before.
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
# Of a birth year and a birth date, the younger counts; of a year alone, its last day.
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
_BY_DAY = f"""
SELECT answered.day, s.refusal, found.flag, count(*), count(*) FILTER (WHERE s.events <> '[]')
{_ANSWERS} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_FLAGGED = f"""
SELECT s.user_id, s.recommendation_id, s.timestamp, found.flag {_ANSWERS} AND found.flag IS NOT NULL
ORDER BY s.timestamp DESC, s.id DESC LIMIT %(most)s
"""
# As the stake is suggested: of the latest 50 stakes without free bets, since the user has this currency. Those of a
# user and day are read once, by coupon_user_time. Nothing is computed about users who do not allow personalisation.
_STAKES = """
WITH suggested AS MATERIALIZED (
    SELECT user_id, (timestamp AT TIME ZONE 'UTC')::date AS day, stake, currency FROM served_recommendations
    WHERE timestamp >= %(since)s AND timestamp < %(until)s AND shown AND stake > 0
), own AS MATERIALIZED (
    SELECT asked.user_id, asked.day, u.currency, usual.median
    FROM (SELECT DISTINCT user_id, day FROM suggested) AS asked JOIN users AS u ON u.id = asked.user_id
    CROSS JOIN LATERAL (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY latest.stake) AS median FROM (
            SELECT stake FROM purchased_coupons AS coupon
            WHERE coupon.user_id = asked.user_id AND stake > 0
                AND coupon.timestamp < asked.day::timestamp AT TIME ZONE 'UTC'
                AND (u.currency_since IS NULL OR coupon.timestamp >= u.currency_since)
            ORDER BY coupon.timestamp DESC, coupon.id DESC LIMIT 50
        ) AS latest
    ) AS usual
    WHERE u.personalisation AND usual.median IS NOT NULL
)
SELECT day, count(*), count(*) FILTER (WHERE stake > median),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY stake / median)
FROM suggested JOIN own USING (user_id, day, currency) GROUP BY day
"""


class Stakes(msgspec.Struct, frozen=True):
    """Suggested stakes of users with a median of their own before that day: how many were `compared`, how many were
    `above` it, and the median of suggested stake / own median, None without any."""

    compared: int = 0
    above: int = 0
    median_ratio: float | None = None


class ExposureDay(msgspec.Struct, frozen=True):
    """One day, in UTC. `answers` of all kinds, without slips that an experiment did not send; `with_events` those that
    showed any, `refused` by code, and `flagged`: those with events for a user who must not get them, by reason."""

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
    """`flagged` are the latest, at most 100; `days` without an answer are left out."""

    casino_id: int
    since: datetime
    until: datetime
    days: tuple[ExposureDay, ...]
    flagged: tuple[FlaggedAnswer, ...]

    @property
    def flagged_count(self) -> int:
        return sum(each.flagged_count for each in self.days)


def report_exposure(*, casino_id: int, options: Options, now: datetime, days: int) -> Exposure:
    """The exposure of the current casino's users on the last `days` days, today included, by its present options."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=days - 1)
    parameters: dict[str, Any] = {
        "since": since,
        "until": now,
        "minimum_age": options.minimum_age,
        "allow_unknown_age": options.allow_unknown_age,
        "personal": [each.name for each in RECOMMENDERS.values() if each.is_personal],
        "most": MOST_LISTED,
    }
    return Exposure(
        casino_id=casino_id,
        since=since,
        until=now,
        days=tuple(_days(parameters)),
        flagged=tuple(_flagged(parameters)),
    )


def _days(parameters: dict[str, Any]) -> Iterator[ExposureDay]:
    stakes = {day: Stakes(compared, above, ratio) for day, compared, above, ratio in query(_STAKES, parameters)}
    groups: dict[date, list[tuple[str, str | None, int, int]]] = {}
    for day, *group in query(_BY_DAY, parameters):
        groups.setdefault(day, []).append(tuple(group))
    for day, of_day in groups.items():
        yield ExposureDay(
            day=day,
            answers=sum(answers for *_, answers, _ in of_day),
            with_events=sum(shown for *_, shown in of_day),
            refused={refusal: answers for refusal, _, answers, _ in of_day if refusal},
            flagged={flag: answers for _, flag, answers, _ in of_day if flag},
            stakes=stakes.get(day, Stakes()),
        )


def _flagged(parameters: dict[str, Any]) -> Iterator[FlaggedAnswer]:
    rows = query(_FLAGGED, parameters)
    texts = texts_of(user_id for user_id, *_ in rows)
    for user_id, recommendation_id, timestamp, flag in rows:
        yield FlaggedAnswer(texts.get(user_id, user_id), str(recommendation_id), timestamp, flag)
