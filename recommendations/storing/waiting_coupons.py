"""Coupons that wait for their users."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.conf import settings

from recommendations.tallies.user_tallies_sql import coupons_from, decode_coupons
from recommendations.validation.rows import CouponRow
from tenants.routing.connections import casino_atomic

from .casino_tallies import add_to_casino_tallies
from .coupon_sql import STORE_INCOMING
from .outcomes import DUPLICATE, STALE, Outcome, Result
from .sql import as_json, execute, query
from .upsert import Key, key_of
from .user_tallies import merge_user_tallies

MessageOf = Callable[[CouponRow], bytes | None]

_LOCK = "SELECT pg_advisory_xact_lock('waiting_coupons'::regclass::oid::bigint)"

_COUNT = "SELECT count(*) FROM waiting_coupons"

_KEEP = """
INSERT INTO waiting_coupons (coupon_id, natural_key, user_id, stake, timestamp, recommended_events, message)
SELECT id, natural_key, user_id, stake, timestamp, recommended_events, decode(message, 'base64') FROM ROWS FROM (
    jsonb_to_recordset(%s::jsonb) AS (
        id bigint, natural_key uuid, user_id bigint, stake numeric, timestamp timestamptz, recommended_events jsonb
    ),
    jsonb_to_recordset(%s::jsonb) AS (message text)
) AS row
"""

_KNOWN = "SELECT coupon_id, natural_key FROM waiting_coupons WHERE coupon_id = ANY(%s) OR natural_key = ANY(%s)"
_ERASED = "SELECT user_id, erased_at FROM erased_users WHERE user_id = ANY(%s)"

_WRITTEN = """
(
    SELECT written.id, timestamp, written.stake, recommended_events
    FROM written JOIN incoming ON incoming.id = written.id OR incoming.natural_key = written.natural_key
) AS coupon
"""
_ADOPT = f"""
WITH incoming AS (
    DELETE FROM waiting_coupons WHERE user_id = ANY(%s)
    RETURNING coupon_id AS id, natural_key, user_id, stake, timestamp, recommended_events
)
{STORE_INCOMING}
SELECT (SELECT count(*) FROM written), {coupons_from(_WRITTEN)}, ARRAY(SELECT user_id FROM crowded)
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


def store_waiting(rows: Sequence[CouponRow], message_of: MessageOf) -> dict[Key, Outcome]:
    """Keep coupons until their users come, as many as there is room for."""
    outcomes = _known(rows)
    new = [row for row in rows if key_of(row) not in outcomes]
    [(count,)] = query(_COUNT)
    room = max(settings.WAITING_COUPONS - count, 0)
    if kept := new[:room]:
        execute(_KEEP, [as_json(kept), as_json([{"message": message_of(row)} for row in kept])])
    outcomes |= {key_of(row): Outcome(Result.WAITING) for row in kept}
    return outcomes | {key_of(row): Outcome(Result.UNKNOWN_USER) for row in new[room:]}


def _known(rows: Sequence[CouponRow]) -> dict[Key, Outcome]:
    """What became of those that wait already."""
    known = query(_KNOWN, [[row.id for row in rows], [row.natural_key for row in rows]])
    return {coupon_id or natural_key: DUPLICATE for coupon_id, natural_key in known}


def find_erased(rows: Sequence[CouponRow]) -> dict[Key, Outcome]:
    """Those from before their user was erased: they are stale, whether the user came anew or not."""
    erased = dict(query(_ERASED, [[row.user_id for row in rows]]))
    return {key_of(row): STALE for row in rows if row.user_id in erased and row.timestamp <= erased[row.user_id]}


def store_coupons_waiting_for(user_ids: Sequence[int]) -> int:
    """Store what waited for these users, who are known now; answers how many coupons."""
    [(adopted, coupons, crowded)] = query(_ADOPT, [list(user_ids)])
    merge_user_tallies(crowded)
    add_to_casino_tallies([(coupon.timestamp, coupon.selections) for coupon in decode_coupons(coupons)])
    return int(adopted)


def take_expired_coupons(before: datetime) -> list[tuple[int, bytes | None]]:
    """(user id, message) of the coupons that have waited since before then; they wait no longer.

    Those whose users came by another way than `store_users` are stored instead.
    """
    with casino_atomic():
        lock_waiting_coupons()
        if known := [user_id for (user_id,) in query(_WAITED_FOR_KNOWN, [before])]:
            store_coupons_waiting_for(known)
        expired = query(_TAKE_EXPIRED, [before])
    return [(user_id, None if message is None else bytes(message)) for user_id, message in expired]
