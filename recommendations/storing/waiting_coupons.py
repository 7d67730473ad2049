"""Coupons whose users are not stored yet."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from django.conf import settings

from recommendations.tallies.user_tallies_sql import coupons_from, decode_coupons
from recommendations.validation.rows import CouponRow
from tenants.routing.connections import casino_atomic, current_alias, execute, query

from .casino_tallies import add_to_casino_tallies
from .coupon_sql import STORE_INCOMING
from .outcomes import DUPLICATE, STALE, Outcome, Result
from .upsert import Key, as_json, key_of
from .user_tallies import merge_user_tallies

logger = logging.getLogger(__name__)

MessageOf = Callable[[CouponRow], bytes | None]

_LOCK = "SELECT pg_advisory_xact_lock('waiting_coupons'::regclass::oid::bigint)"

_COUNT = "SELECT count(*) FROM waiting_coupons"

_STORE = """
INSERT INTO waiting_coupons (
    coupon_id, natural_key, user_id, stake, timestamp, recommended_events, unread_selections, recommendation_id, message
)
SELECT
    id, natural_key, user_id, stake, timestamp, recommended_events, unread_selections, recommendation_id,
    decode(message, 'base64')
FROM ROWS FROM (
    jsonb_to_recordset(%s::jsonb) AS (
        id bigint, natural_key uuid, user_id bigint, stake numeric, timestamp timestamptz, recommended_events jsonb,
        unread_selections jsonb, recommendation_id uuid
    ),
    jsonb_to_recordset(%s::jsonb) AS (message text)
) AS row
"""

_KNOWN = "SELECT coupon_id, natural_key FROM waiting_coupons WHERE coupon_id = ANY(%s) OR natural_key = ANY(%s)"
_ERASED = "SELECT user_id, erased_at FROM erased_users WHERE user_id = ANY(%s)"

_WRITTEN = """
(
    SELECT written.id, timestamp, written.stake, recommended_events, unread_selections
    FROM written JOIN incoming ON incoming.id = written.id OR incoming.natural_key = written.natural_key
) AS coupon
"""
_MAX_STORED_BATCH_BYTES = 8_000_000  # of stored selections, which are several times larger in memory
_STORE_WAITING = f"""
WITH waiting AS MATERIALIZED (
    SELECT id, sum(size) OVER (ORDER BY id) - size AS size_before
    FROM waiting_coupons, pg_column_size(recommended_events) AS size WHERE user_id = ANY(%s)
), incoming AS (
    DELETE FROM waiting_coupons
    WHERE id IN (SELECT id FROM waiting WHERE size_before < {_MAX_STORED_BATCH_BYTES})
    RETURNING
        coupon_id AS id, natural_key, user_id, stake, timestamp, recommended_events, unread_selections,
        recommendation_id
)
{STORE_INCOMING}
SELECT (SELECT count(*) FROM waiting) > (SELECT count(*) FROM incoming),
       (SELECT count(*) FROM written), {coupons_from(_WRITTEN)}, ARRAY(SELECT user_id FROM due)
"""

_KNOWN_USERS = """
SELECT DISTINCT users.id FROM waiting_coupons JOIN users ON users.id = waiting_coupons.user_id
WHERE waiting_since < %s
"""

_SHOWN = 10
_MAX_EXPIRED_BATCH = 500
_MAX_MESSAGE_BYTES = 4_000_000  # more than Kafka accepts by default; larger ones are read as empty
_MAX_EXPIRED_BATCH_BYTES = 8_000_000  # sum of all messages but the last
_EXPIRED = f"""
SELECT id, user_id, CASE WHEN size > {_MAX_MESSAGE_BYTES} THEN ''::bytea ELSE message END FROM (
    SELECT *, sum(LEAST(size, {_MAX_MESSAGE_BYTES})) OVER (ORDER BY id) AS total FROM (
        SELECT id, user_id, message, coalesce(octet_length(message), 0) AS size
        FROM waiting_coupons WHERE waiting_since < %s ORDER BY id LIMIT {_MAX_EXPIRED_BATCH}
    ) AS expired
) AS summed WHERE total - LEAST(size, {_MAX_MESSAGE_BYTES}) < {_MAX_EXPIRED_BATCH_BYTES} ORDER BY id
"""
_DELETE = "DELETE FROM waiting_coupons WHERE id = ANY(%s)"
_WAIT_AGAIN = "UPDATE waiting_coupons SET waiting_since = now() WHERE id = ANY(%s)"


def no_message(row: CouponRow) -> None:
    """`MessageOf` for coupons without a Kafka message."""


def lock_waiting_coupons() -> None:
    """Serialize transactions that store users with transactions that store waiting coupons.

    Otherwise a coupon whose user's row is not committed yet could be stored as waiting after the user's transaction has
    looked for waiting coupons.
    """
    execute(_LOCK)


def store_waiting(rows: Sequence[CouponRow], message_of: MessageOf) -> dict[Key, Outcome]:
    """Store coupons of unknown users until their users are stored, up to `WAITING_COUPONS` in total."""
    outcomes = _known(rows)
    new = [row for row in rows if key_of(row) not in outcomes]
    [(count,)] = query(_COUNT)
    room = max(settings.WAITING_COUPONS - count, 0)
    if waiting := new[:room]:
        execute(_STORE, [as_json(waiting), as_json([{"message": message_of(row)} for row in waiting])])
    outcomes |= {key_of(row): Outcome(Result.WAITING) for row in waiting}
    return outcomes | {key_of(row): Outcome(Result.UNKNOWN_USER) for row in new[room:]}


def _known(rows: Sequence[CouponRow]) -> dict[Key, Outcome]:
    """The outcomes of coupons that are already waiting."""
    known = query(_KNOWN, [[row.id for row in rows], [row.natural_key for row in rows]])
    return {coupon_id or natural_key: DUPLICATE for coupon_id, natural_key in known}


def find_erased(rows: Sequence[CouponRow]) -> dict[Key, Outcome]:
    """The outcomes of coupons older than their user's erasure: stale, even if the user was stored again later."""
    erased = dict(query(_ERASED, [[row.user_id for row in rows]]))
    return {key_of(row): STALE for row in rows if row.user_id in erased and row.timestamp <= erased[row.user_id]}


def store_coupons_waiting_for(user_ids: Sequence[int]) -> int:
    """Store the coupons that were waiting for these users, who are now stored. Returns their number."""
    stored, is_any_left = 0, True
    while is_any_left:
        [(is_any_left, count, coupons, due)] = query(_STORE_WAITING, [list(user_ids)])
        if due:
            merge_user_tallies(due)
        add_to_casino_tallies([(coupon.timestamp, coupon.selections) for coupon in decode_coupons(coupons)])
        stored += count
    return stored


def take_expired_coupons(
    before: datetime, is_readable: Callable[[bytes], bool] = lambda _: True
) -> list[tuple[int, bytes | None]]:
    """Delete coupons waiting since before `before`, up to 500 and some megabytes. Returns their (user id, message).

    Coupons of users who exist, but were not stored by `store_users`, are stored as purchased coupons instead. Coupons
    with an unreadable message, which can't become a dead letter, wait again.
    """
    with casino_atomic():
        lock_waiting_coupons()
        if known := [user_id for (user_id,) in query(_KNOWN_USERS, [before])]:
            store_coupons_waiting_for(known)
        expired = [(key, user, None if text is None else bytes(text)) for key, user, text in query(_EXPIRED, [before])]
        unreadable = [key for key, _, message in expired if message is not None and not is_readable(message)]
        if unreadable:
            logger.error(
                "%s: waiting coupons %s have unreadable messages. Delete these rows, or store their users.",
                current_alias(),
                unreadable[:_SHOWN],
            )
            execute(_WAIT_AGAIN, [unreadable])
        postponed = set(unreadable)
        taken = [each for each in expired if each[0] not in postponed]
        execute(_DELETE, [[key for key, _, _ in taken]])
    return [(user_id, message) for _, user_id, message in taken]
