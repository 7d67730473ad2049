"""Recounts profiles and tallies from the stored coupons, concurrently with storing."""

from collections.abc import Iterator, Sequence

from recommendations.tallies.outcome_keys import OFFERED_ATTRIBUTES
from recommendations.tallies.user_tallies_sql import coupons_from, decode_coupons
from tenants.routing.connections import casino_atomic, execute, query

from .casino_tallies import CasinoSums, drop_lightest, lock_casino_tallies, write_sums
from .user_tallies import rebuild_users

_USERS = 500  # per transaction, for which storing one of their coupons waits
_ROWS = 2_000  # coupons per fetch
_MAX_SUMS = 100_000  # different selections in memory

# Users whose coupons were inserted by psql may have no profile.
_MAKE_PROFILES = """
INSERT INTO users_profile (user_id, needs_rebuild) SELECT id, true FROM users
WHERE EXISTS (SELECT FROM purchased_coupons AS coupon WHERE coupon.user_id = users.id)
  AND NOT EXISTS (SELECT FROM users_profile AS profile WHERE profile.user_id = users.id)
ORDER BY id ON CONFLICT (user_id) DO NOTHING
"""
_NEXT_USERS = """
SELECT user_id FROM users_profile WHERE user_id > %s AND (needs_rebuild OR NOT %s) ORDER BY user_id LIMIT %s
"""
_LOCK = "SELECT FROM users_profile WHERE user_id = ANY(%s) ORDER BY user_id FOR UPDATE"

# One statement, so that coupons and unmerged sums belong to the same snapshot.
_DECLARE = f"""
DECLARE everything NO SCROLL CURSOR FOR
SELECT id, NULL FROM pending_casino_sums
UNION ALL SELECT NULL, {coupons_from("(SELECT coupon.*) AS coupon")} FROM purchased_coupons AS coupon
"""
_FETCH = f"FETCH {_ROWS} FROM everything"


def rebuild_profiles(*, only_marked: bool = False) -> Iterator[int]:
    """Recount the profiles and tallies of the current casino's users, or only of those with `needs_rebuild`, in
    transactions of up to 500 users. Yields the number of users of each transaction."""
    execute(_MAKE_PROFILES)
    last = 0
    while user_ids := [user_id for (user_id,) in query(_NEXT_USERS, [last, only_marked, _USERS])]:
        with casino_atomic():
            execute(_LOCK, [user_ids])  # before reading coupons: other transactions that store them have ended, or wait
            rebuild_users(user_ids)
        yield len(user_ids)
        last = user_ids[-1]


def rebuild_casino_tallies() -> None:
    """Recount the current casino's tallies from all its coupons, in one transaction that blocks no other."""
    with casino_atomic():
        lock_casino_tallies()
        execute(_DECLARE)
        execute("DELETE FROM casino_tallies WHERE attribute <> ALL(%s)", [[*OFFERED_ATTRIBUTES]])  # not from coupons
        sums, included = CasinoSums(0.0), []
        while rows := query(_FETCH):
            included += [sum_id for sum_id, _ in rows if sum_id is not None]
            sums.merge(_sum_of([text for _, text in rows if text is not None]))
            if len(sums) > _MAX_SUMS:
                write_sums(sums)
                sums = CasinoSums(0.0)
        execute("CLOSE everything")
        execute("DELETE FROM pending_casino_sums WHERE id = ANY(%s)", [included])
        write_sums(sums)
        drop_lightest()


def _sum_of(texts: Sequence[str]) -> CasinoSums:
    coupons = (coupon for text in texts for coupon in decode_coupons(text))
    return CasinoSums.of([(coupon.timestamp, coupon.selections) for coupon in coupons])
