"""Coupons into their casino's database, each counted once in its user's profile."""

from collections.abc import Sequence
from functools import partial

from recommendations.rows import CouponRow, Removal
from tenants.connections import casino_atomic

from .counting import COUNT_WRITTEN
from .outcomes import Outcome
from .removals import remove_coupons
from .sql import query
from .upsert import Key, Upsert, explain_unwritten, key_of, store_rows, write
from .waiting import MessageOf, keep_waiting, lock_waiting_coupons, no_message

COUPONS = Upsert(
    "purchased_coupons",
    (("user_id", "bigint"), ("stake", "numeric"), ("timestamp", "timestamptz"), ("recommended_events", "jsonb")),
    is_final=True,
    source="JOIN users ON users.id = row.user_id",
    then=COUNT_WRITTEN,
)

_KNOWN_USERS = "SELECT id FROM users WHERE id = ANY(%s)"


def store_coupons(rows: Sequence[CouponRow | Removal], *, message_of: MessageOf = no_message) -> list[Outcome]:
    """Store coupons, and count each new one in its user's profile.

    A coupon whose user is unknown waits for the user, with the message (`message_of`) that it came by, unless
    `WAITING_COUPONS` of them wait already. A coupon is final: a later one of the same key is a duplicate, whatever it
    says.
    """
    with casino_atomic():
        return store_rows(rows, COUPONS, remove_coupons, explain=partial(_explain, message_of))


def _explain(message_of: MessageOf, unwritten: Sequence[CouponRow]) -> dict[Key, Outcome]:
    strangers = _without_user(unwritten)
    keys = {key_of(row) for row in strangers}
    outcomes = explain_unwritten(COUPONS, [row for row in unwritten if key_of(row) not in keys])
    if strangers:
        lock_waiting_coupons()  # users that are just being stored are known from here on
        outcomes |= write(COUPONS, strangers)
        outcomes |= keep_waiting([row for row in strangers if key_of(row) not in outcomes], message_of)
    return outcomes


def _without_user(rows: Sequence[CouponRow]) -> list[CouponRow]:
    known = {user_id for (user_id,) in query(_KNOWN_USERS, [[row.user_id for row in rows]])}
    return [row for row in rows if row.user_id not in known]
