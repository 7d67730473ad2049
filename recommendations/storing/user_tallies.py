"""Users' tallies, kept up to date: rarely, since to write them costs as much as to store many coupons.

A coupon that is stored only joins its user's pending ones. As soon as there are `MERGE_AT`, the same transaction folds
them: adds them to the user's tallies. The user's profile is locked all the while.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from recommendations.errors import UnknownTalliesFormat
from recommendations.tallies.user_tallies import Tallies
from recommendations.tallies.user_tallies_sql import ALL_COUPONS, MERGED_TALLIES, UNMERGED_COUPONS, merge_tallies

from .sql import execute, query

MERGE_AT = 24  # pending coupons: to merge fewer costs storing more, to leave more costs each request 10 us a coupon
MAX_OLDER_EVENTS = (
    200  # events that a user may hold beside the recent selections' before those that are over are looked up
)

_READ = f"""
SELECT user_id, {MERGED_TALLIES}, {UNMERGED_COUPONS} FROM users_profile AS profile WHERE user_id = ANY(%s)
"""
_READ_ALL = f"SELECT user_id, {ALL_COUPONS} FROM users_profile AS profile WHERE user_id = ANY(%s)"

# All tallies travel as one value: a driver takes ten times as long over an array of them.
_WRITE = """
WITH written AS (
    INSERT INTO user_tallies (user_id, tallies) SELECT user_id, substring(packed FROM start FOR length)
    FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS row(user_id, start, length), (SELECT %s::bytea) AS packed(packed)
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
SELECT id, sport, league, home_team, away_team FROM events WHERE end_timestamp > now() AND (
    id = ANY(%s) OR (sport, league, home_team, away_team) IN (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
    )
)
"""


def merge_user_tallies(user_ids: Sequence[int]) -> None:
    """Add these users' pending coupons to their tallies. Their profiles must be locked."""
    if not user_ids:
        return
    folded: dict[int, Tallies] = {}
    unreadable: list[int] = []
    for user_id, packed, coupons in query(_READ, [list(user_ids)]):
        try:
            folded[user_id] = merge_tallies(packed, coupons)
        except UnknownTalliesFormat:
            unreadable.append(user_id)
    _write(folded)
    rebuild_users(unreadable)


def rebuild_users(user_ids: Sequence[int]) -> None:
    """Count these users' coupons anew. Their profiles must be locked."""
    if not user_ids:
        return
    _write({user_id: merge_tallies(None, coupons) for user_id, coupons in query(_READ_ALL, [list(user_ids)])})
    execute(_RECOUNT, [list(user_ids)])


def _write(folded: dict[int, Tallies]) -> None:
    if not folded:
        return
    _release(tallies for tallies in folded.values() if tallies.older_event_count > MAX_OLDER_EVENTS)
    user_ids, packed = list(folded), [tallies.encode() for tallies in folded.values()]
    lengths = [len(each) for each in packed]
    starts = [1 + before for before in accumulate(lengths[:-1], initial=0)]
    execute(_WRITE, [user_ids, starts, lengths, b"".join(packed), user_ids])


def _release(crowded: Iterable[Tallies]) -> None:
    """Let users no longer hold events that are over, or gone."""
    held = {tallies: tallies.held for tallies in crowded}
    if not held:
        return
    every = set().union(*held.values())
    ids = [each for each in every if isinstance(each, int)]
    matches = [each for each in every if not isinstance(each, int)]
    columns = [list(column) for column in zip(*matches, strict=True)] or [[]] * 4
    not_over = {each for event_id, *match in query(_NOT_OVER, [ids, *columns]) for each in (event_id, tuple(match))}
    for tallies, events in held.items():
        tallies.forget_events(events - not_over)
