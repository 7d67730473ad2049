"""Coupons that wait for their users."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.conf import settings

from recommendations.rows import CouponRow
from tenants.connections import casino_atomic

from .counting import COUNT_WRITTEN
from .outcomes import Outcome, Result
from .sql import as_json, execute, query
from .upsert import DUPLICATE, Key, key_of

MessageOf = Callable[[CouponRow], bytes | None]

_LOCK = "SELECT pg_advisory_xact_lock('waiting_coupons'::regclass::oid::bigint)"

_COUNT = "SELECT count(*) FROM waiting_coupons"

_KEEP = """
INSERT INTO waiting_coupons (user_id, coupon_id, stake, timestamp, recommended_events, natural_key, message)
SELECT row.user_id, row.id, row.stake, row.timestamp, row.recommended_events, row.natural_key, decode(message, 'base64')
FROM jsonb_to_recordset(%s::jsonb) AS row(
    id bigint, natural_key uuid, user_id bigint, stake numeric, timestamp timestamptz, recommended_events jsonb
) JOIN jsonb_to_recordset(%s::jsonb) AS came(id bigint, natural_key uuid, message text)
    ON came.id = row.id OR came.natural_key = row.natural_key
WHERE NOT EXISTS (SELECT FROM removed_rows WHERE kind = 'purchased_coupons' AND row_id = row.id)
ON CONFLICT DO NOTHING RETURNING coupon_id, natural_key
"""

_ADOPT = f"""
WITH adopted AS (DELETE FROM waiting_coupons WHERE user_id = ANY(%s) RETURNING *),
with_ids AS (
    INSERT INTO purchased_coupons (id, user_id, stake, timestamp, recommended_events)
    SELECT coupon_id, user_id, stake, timestamp, recommended_events FROM adopted WHERE coupon_id IS NOT NULL
    ORDER BY coupon_id ON CONFLICT (id) DO NOTHING RETURNING user_id, stake
), without_ids AS (
    INSERT INTO purchased_coupons (user_id, stake, timestamp, recommended_events, natural_key)
    SELECT user_id, stake, timestamp, recommended_events, natural_key FROM adopted WHERE coupon_id IS NULL
    ORDER BY natural_key ON CONFLICT (natural_key) DO NOTHING RETURNING user_id, stake
), written AS (SELECT * FROM with_ids UNION ALL SELECT * FROM without_ids) {COUNT_WRITTEN}
SELECT count(*) FROM written
"""

_WAITED_FOR_KNOWN = """
SELECT DISTINCT users.id FROM waiting_coupons JOIN users ON users.id = waiting_coupons.user_id
WHERE waiting_since < %s
"""

_TAKE_EXPIRED = "DELETE FROM waiting_coupons WHERE waiting_since < %s RETURNING user_id, message"


def no_message(row: CouponRow) -> None:
    """For coupons that did not come by Kafka."""


def lock_waiting_coupons() -> None:
    """Until the transaction's end, no user comes and no coupon begins to wait in another one.

    Else a coupon that looks for its user before the user is committed could begin to wait after the user has looked
    for waiting coupons.
    """
    execute(_LOCK)


def keep_waiting(rows: Sequence[CouponRow], message_of: MessageOf) -> dict[Key, Outcome]:
    """Keep coupons until their users come, as many as there is room for."""
    if not rows:
        return {}
    [(waiting,)] = query(_COUNT)
    room = max(settings.WAITING_COUPONS - waiting, 0)
    kept = rows[:room]
    came = [{"id": row.id, "natural_key": row.natural_key, "message": message_of(row)} for row in kept]
    begun = {coupon_id or natural_key for coupon_id, natural_key in query(_KEEP, [as_json(kept), as_json(came)])}
    waits, too_many = Outcome(Result.WAITING), Outcome(Result.UNKNOWN_USER)
    outcomes = {key_of(row): waits if key_of(row) in begun else DUPLICATE for row in kept}
    return outcomes | {key_of(row): too_many for row in rows[room:]}


def adopt_coupons(user_ids: Sequence[int]) -> int:
    """Store what waited for these users, who are known now; answers how many coupons."""
    [(adopted,)] = query(_ADOPT, [list(user_ids)])
    return int(adopted)


def take_expired_coupons(before: datetime) -> list[tuple[int, bytes | None]]:
    """(user id, message) of the coupons that have waited since before then; they wait no longer.

    Those whose users came by another way than `store_users` are stored instead.
    """
    with casino_atomic():
        lock_waiting_coupons()
        if known := [user_id for (user_id,) in query(_WAITED_FOR_KNOWN, [before])]:
            adopt_coupons(known)
        expired = query(_TAKE_EXPIRED, [before])
    return [(user_id, None if message is None else bytes(message)) for user_id, message in expired]
