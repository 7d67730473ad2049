"""Storing coupons, each counted once in its user's profile and in the tallies."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from recommendations.text_ids import Kind, stored_id, with_stored_ids
from recommendations.validation.rows import CouponRow, Removal
from tenants.routing.connections import casino_atomic, casino_connection, query

from .casino_tallies import add_to_casino_tallies
from .coupon_sql import STORE_INCOMING, UNLESS_OF_ERASED
from .outcomes import DUPLICATE, Outcome, Result
from .removal import lock_profiles, remove_coupons
from .upsert import Key, as_json, key_of, reserve_ids, store_in_order
from .user_tallies import merge_user_tallies
from .waiting_coupons import MessageOf, find_erased, lock_waiting_coupons, no_message, store_waiting

Stored = CouponRow | Removal
Outcomes = dict[Key, Outcome]
Explain = Callable[[Sequence[CouponRow]], Outcomes]

# Locks the users until their coupons are stored, as a foreign key would. Returns a row with the number of written
# coupons; then rows with the written coupons without an id, or with all written ones if some were not; then the users
# whose coupons are due for merging. Parameters: the coupons as JSON, their number.
_STORE = f"""
WITH incoming AS MATERIALIZED (
    SELECT row.* FROM jsonb_to_recordset(%s::jsonb) AS row(
        id bigint, natural_key uuid, user_id bigint, stake numeric, timestamp timestamptz, recommended_events jsonb,
        unread_selections jsonb, recommendation_id uuid
    ) JOIN users ON users.id = row.user_id {UNLESS_OF_ERASED} ORDER BY row.user_id FOR KEY SHARE OF users
)
{STORE_INCOMING}
SELECT NULL, count(*), false FROM written
UNION ALL
SELECT natural_key, id, false FROM written WHERE natural_key IS NOT NULL OR (SELECT count(*) FROM written) < %s
UNION ALL SELECT NULL, user_id, true FROM due
"""

_REMOVED_OR_KNOWN = """
SELECT row_id, 'stale' FROM removed_rows WHERE kind = 'purchased_coupons' AND row_id = ANY(%s)
UNION ALL SELECT id, CASE WHEN natural_key IS NULL THEN 'duplicate' ELSE 'id_taken' END
FROM purchased_coupons WHERE id = ANY(%s)
"""
_KNOWN_WITHOUT_ID = "SELECT natural_key FROM purchased_coupons WHERE natural_key = ANY(%s)"


_STORED, _IN_PART = Result.STORED, Result.STORED_IN_PART  # a look-up in Result takes as long as to create an Outcome


class _UnknownUsersError(Exception):
    """Some users are unknown. The call must start again, and take the lock of waiting coupons before locking rows."""


def store_coupons(rows: Sequence[CouponRow | Removal], *, message_of: MessageOf = no_message) -> list[Outcome]:
    """Store coupons, and add each new one to its user's profile and tallies and to the casino's tallies.

    A coupon of an unknown user is stored as a waiting coupon with its Kafka message (`message_of`), unless
    `WAITING_COUPONS` coupons wait already. Coupons are final: a later coupon with the same key is a duplicate.
    """
    given, rows = rows, with_stored_ids(Kind.COUPONS, rows)
    if rows is not given:
        message_of = _adapted(message_of, given, rows)
    removals = [row for row in rows if isinstance(row, Removal)]
    if not removals:
        try:
            with casino_atomic():
                return store_in_order(rows, partial(_store, _refuse))
        except _UnknownUsersError:
            pass
    with casino_atomic():
        lock_waiting_coupons()
        if removals:
            lock_profiles([stored_id(row.user_id) for row in rows if isinstance(row, CouponRow)], removals)
        return store_in_order(rows, partial(_store, partial(store_waiting, message_of=message_of)))


def _adapted(message_of: MessageOf, given: Iterable[Stored], rows: Iterable[Stored]) -> MessageOf:
    """Adapt `message_of`, which knows the `given` rows, to `rows`."""
    given_of = {id(row): each for each, row in zip(given, rows, strict=True) if isinstance(each, CouponRow)}
    return lambda row: message_of(given_of[id(row)])


def _store(of_unknown_users: Explain, rows: Sequence[CouponRow | Removal]) -> list[Outcome]:
    coupons = [row for row in rows if isinstance(row, CouponRow)]
    outcomes = _write(coupons) if coupons else {}
    for explain in (_explain, find_erased, of_unknown_users):
        if len(outcomes) < len(coupons):
            outcomes |= explain([row for row in coupons if key_of(row) not in outcomes])
    if removals := [row for row in rows if isinstance(row, Removal)]:
        outcomes |= remove_coupons(removals)
    return [outcomes[key_of(row)] for row in rows]


def _write(rows: Sequence[CouponRow]) -> Outcomes:
    reserve_ids("purchased_coupons", rows)
    [(_, count, _), *answers] = casino_connection().query_prepared(_STORE, [as_json(rows), len(rows)])
    ids = {natural_key or coupon_id: coupon_id for natural_key, coupon_id, is_due in answers if not is_due}
    written = rows if count == len(rows) else [row for row in rows if key_of(row) in ids]
    if due := [user_id for _, user_id, is_due in answers if is_due]:
        merge_user_tallies(due)
    add_to_casino_tallies([(row.timestamp.timestamp(), row.recommended_events) for row in written])
    outcomes: Outcomes = {}
    for row in written:
        key, result = key_of(row), _IN_PART if row.unread_selections else _STORED
        outcomes[key] = Outcome(result, ids[key] if row.id is None else stored_id(row.id))
    return outcomes


def _explain(unwritten: Sequence[CouponRow]) -> Outcomes:
    """The outcomes of coupons that were not written, except those of unknown and erased users."""
    ids = [row.id for row in unwritten if row.id is not None]
    natural_keys = [row.natural_key for row in unwritten if row.id is None]
    outcomes: Outcomes = {}
    if ids:
        outcomes |= {row_id: Outcome(Result(result)) for row_id, result in query(_REMOVED_OR_KNOWN, [ids, ids])}
    if natural_keys:
        outcomes |= {natural_key: DUPLICATE for (natural_key,) in query(_KNOWN_WITHOUT_ID, [natural_keys])}
    return outcomes


def _refuse(rows: Sequence[CouponRow]) -> Outcomes:
    raise _UnknownUsersError
