"""Merges coupons into their users' tallies, in batches: writing tallies costs as much as storing many coupons.

Storing a coupon only appends its id to the user's `pending_coupon_ids`. The transaction that reaches `MERGE_AT` ids
merges these coupons into the user's tallies, while it locks the user's profile.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from recommendations.errors import UnknownTalliesFormat
from recommendations.tallies.selections import TallyCoupon
from recommendations.tallies.user_tallies import Tallies
from recommendations.tallies.user_tallies_sql import (
    ALLOWS_TALLIES,
    HAS_UNMERGED,
    MERGED_TALLIES,
    UNMERGED_COUPONS,
    coupons_by_user,
    decode_coupons,
    merge_tallies,
)
from recommendations.validation.identity import in_any_category, match_of, name_of, parts_of
from tenants.routing.connections import casino_atomic, casino_connection, execute, query

MERGE_AT = 24  # a lower number makes storing slower, a higher number requests, by 10 us per unmerged coupon
MAX_OLDER_EVENTS = 200  # of a user, before finished ones are forgotten

_READ = f"""
SELECT user_id, {MERGED_TALLIES}, {UNMERGED_COUPONS}, {HAS_UNMERGED} FROM users_profile AS profile
WHERE user_id = ANY(%s) AND {ALLOWS_TALLIES}
"""
_WITH_PROFILE = f"""
SELECT user_id FROM users_profile AS profile WHERE user_id = ANY(%s) AND {ALLOWS_TALLIES} ORDER BY user_id
"""
# Users who do not allow personalisation: their coupons are read again if they allow it later.
_LEAVE_UNCOUNTED = "UPDATE users_profile SET pending_coupon_ids = '{}', needs_rebuild = true WHERE user_id = ANY(%s)"

_BATCH_USERS = 50  # whose tallies are in memory at the same time
# Coupons per fetch: some megabytes with 50 selections each. Parameter: the users.
_BATCH_COUPONS = 200
_DECLARE = f"DECLARE coupons_of_users NO SCROLL CURSOR FOR {coupons_by_user('coupon.user_id = ANY(%s)')}"
_FETCH = f"FETCH {_BATCH_COUPONS} FROM coupons_of_users"

_WRITE = """
WITH written AS (
    INSERT INTO user_tallies (user_id, tallies) SELECT * FROM unnest(%s::bigint[], %b::bytea[])
    ON CONFLICT (user_id) DO UPDATE SET tallies = excluded.tallies
)
UPDATE users_profile SET pending_coupon_ids = '{}', needs_rebuild = false WHERE user_id = ANY(%s)
"""

_RECOUNT = """
UPDATE users_profile AS profile SET
    coupon_count = (SELECT count(*) FROM purchased_coupons AS coupon WHERE coupon.user_id = profile.user_id),
    stake_total = (
        SELECT coalesce(sum(stake), 0) FROM purchased_coupons AS coupon WHERE coupon.user_id = profile.user_id
    )
WHERE user_id = ANY(%s)
"""

_NOT_OVER = """
SELECT id, sport, country, category, home_team, away_team FROM events WHERE end_timestamp > now() AND (
    id = ANY(%s) OR (sport, country, home_team, away_team) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
    )
)
"""


def merge_user_tallies(user_ids: Sequence[int]) -> None:
    """Merge these users' unmerged coupons into their tallies. The caller must have locked their profiles. Users who do
    not allow personalisation get no tallies."""
    merged: dict[int, Tallies] = {}
    unreadable: list[int] = []
    rows = casino_connection().query_prepared(_READ, [list(user_ids)])
    if len(rows) < len(user_ids):
        allowing = {user_id for user_id, *_ in rows}
        execute(_LEAVE_UNCOUNTED, [[each for each in user_ids if each not in allowing]])
    for user_id, packed, unmerged, has_unmerged in rows:
        if has_unmerged and unmerged is None:  # too many to read at once
            unreadable.append(user_id)
            continue
        try:
            merged[user_id] = merge_tallies(packed, unmerged, must_be_consistent=True)
        except UnknownTalliesFormat:
            unreadable.append(user_id)
    _write(merged)
    rebuild_users(unreadable)


def rebuild_users(user_ids: Sequence[int]) -> None:
    """Recount these users' tallies from all their coupons. The caller must have locked their profiles."""
    if not user_ids:
        return
    with_profile = [user_id for (user_id,) in query(_WITH_PROFILE, [list(user_ids)])]
    for start in range(0, len(with_profile), _BATCH_USERS):
        with casino_atomic():
            _write(_count_all(with_profile[start : start + _BATCH_USERS]))
    execute(_RECOUNT, [list(user_ids)])


def _count_all(user_ids: Sequence[int]) -> dict[int, Tallies]:
    tallies = {user_id: Tallies() for user_id in user_ids}
    for page in coupon_pages(user_ids):
        for user_id, coupons in page.items():
            tallies[user_id].add(*coupons)
            if tallies[user_id].exceeds_memory:
                _forget_past_events([tallies[user_id]])
                tallies[user_id].bound()
    return tallies


def coupon_pages(user_ids: Sequence[int]) -> Iterator[dict[int, list[TallyCoupon]]]:
    """Yield pages of all coupons of these users, by user. Needs a transaction."""
    execute(_DECLARE, [list(user_ids)])
    while rows := query(_FETCH):
        page: defaultdict[int, list[TallyCoupon]] = defaultdict(list)
        for user_id, text in rows:
            page[user_id] += decode_coupons(text)
        yield page
    execute("CLOSE coupons_of_users")


def _write(tallies_by_user: dict[int, Tallies]) -> None:
    if not tallies_by_user:
        return
    _forget_past_events(each for each in tallies_by_user.values() if each.older_event_count > MAX_OLDER_EVENTS)
    user_ids, packed = list(tallies_by_user), [tallies.encode_bounded() for tallies in tallies_by_user.values()]
    with casino_connection().prepared_cursor() as cursor:  # sends bytes in binary form, not as hexadecimal digits
        cursor.execute(_WRITE, [user_ids, packed, user_ids])


def _forget_past_events(users_tallies: Iterable[Tallies]) -> None:
    """Forget events that are over or no longer stored."""
    events_by_user = {tallies: tallies.older_events for tallies in users_tallies}
    if not events_by_user:
        return
    events = set().union(*events_by_user.values())
    ids = [each for each in events if isinstance(each, int)]
    matches = [(*parts_of(each[0]), name_of(each[1])) for each in events if not isinstance(each, int)]
    sports, countries, _, homes, aways = [list(column) for column in zip(*matches, strict=True)] or [[]] * 5
    found = [
        (event_id, match_of(*match)) for event_id, *match in query(_NOT_OVER, [ids, sports, countries, homes, aways])
    ]
    not_over = {each for event_id, match in found for each in (event_id, in_any_category(match))}
    for tallies, older_events in events_by_user.items():
        over = {
            each for each in older_events if (each if isinstance(each, int) else in_any_category(each)) not in not_over
        }
        tallies.forget_events(over)
