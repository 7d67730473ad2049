"""Reading a user's tallies from the database: the packed tallies, and the coupons not yet merged into them."""

from typing import Any

import msgspec

from tenants.ids import MAX_ID

from .packed_tallies import MAX_BYTES
from .selections import TallyCoupon, TallySelection
from .user_tallies import Tallies

_COUPON = (
    "'[' || coupon.id || ',' || extract(epoch FROM coupon.timestamp) || ',' || coupon.stake || ',' "
    "|| coupon.recommended_events || CASE WHEN coupon.unread_selections IS NULL THEN '' "
    "ELSE ',' || jsonb_path_query_array(coupon.unread_selections, '$[*].event_id')::text END || ']'"
)


def coupons_from(source: str, condition: str = "isfinite(coupon.timestamp)") -> str:
    """SQL for the coupons of `source` (alias `coupon`) as one text for `decode_coupons`; null without coupons."""
    return f"(SELECT '[' || string_agg({_COUPON}, ',') FILTER (WHERE {condition}) || ']' FROM {source})"


# Tallies that are too large are read as empty bytes: an unknown format, so they are recounted.
_PACKED = f"""(
    SELECT CASE WHEN octet_length(packed.tallies) <= {MAX_BYTES} THEN packed.tallies ELSE ''::bytea END
    FROM user_tallies AS packed WHERE packed.user_id = profile.user_id
)"""

# Bounds of one user's coupons: other programs may write into a casino's database. A coupon that is too large is left
# out; too many coupons are read as none.
_MAX_COUPON_BYTES, _MAX_COUPONS_BYTES = 2**20, 64 * 2**20
_IS_COUNTED = f"isfinite(coupon.timestamp) AND octet_length(coupon.recommended_events::text) <= {_MAX_COUPON_BYTES}"


def _coupons_where(condition: str) -> str:
    # OFFSET 0: the selections are converted to text once, not again for their size
    columns = "id, timestamp, stake, unread_selections, recommended_events::text AS recommended_events"
    source = f"(SELECT {columns} FROM purchased_coupons AS coupon WHERE {condition} OFFSET 0) AS coupon"
    coupons = coupons_from(source, _IS_COUNTED)
    return (
        f"(SELECT CASE WHEN octet_length(read) <= {_MAX_COUPONS_BYTES} THEN read END FROM {coupons} AS coupons (read))"
    )


def coupons_by_user(condition: str) -> str:
    """SQL for (user id, text for `decode_coupons`) of each coupon within the bounds."""
    each = coupons_from("(SELECT coupon.*) AS coupon", _IS_COUNTED)
    return f"SELECT coupon.user_id, {each} FROM purchased_coupons AS coupon WHERE {condition}"


_PENDING = _coupons_where("coupon.id = ANY(profile.pending_coupon_ids)")

# Columns for SELECT .. FROM users_profile AS profile: all coupons of the user, and the two arguments of
# `merge_tallies`. If the profile has `needs_rebuild`, no coupon counts as merged.
ALL_COUPONS = _coupons_where("coupon.user_id = profile.user_id")
MERGED_TALLIES = f"CASE WHEN NOT profile.needs_rebuild THEN {_PACKED} END"
UNMERGED_COUPONS = f"CASE WHEN profile.needs_rebuild THEN {ALL_COUPONS} ELSE {_PENDING} END"

# A version of these columns: it changes whenever they may change. Each transaction that stores or removes coupons
# writes the profile, and a written row gets another place (`ctid`) or transaction (`xmin`). A database that is set back
# may repeat both, but with another start of the server or, after a crash of a server process, with other columns of the
# profile. Text, for SELECT .. FROM users LEFT JOIN users_profile AS profile; null without a profile.
TALLIES_VERSION = """CASE WHEN profile.id IS NOT NULL THEN concat_ws(
    ' ', users.id, profile.ctid, profile.xmin, profile.coupon_count, profile.last_updated, pg_postmaster_start_time(),
    (SELECT concat_ws(' ', ctid, xmin) FROM user_tallies AS packed WHERE packed.user_id = profile.user_id)
) END"""

# Tells "no unmerged coupons" from "too many of them": both make the column null.
HAS_UNMERGED = "(profile.needs_rebuild OR profile.pending_coupon_ids <> '{}')"

# SQL: whether the user of `profile` allows personalisation.
ALLOWS_TALLIES = "EXISTS (SELECT FROM users WHERE users.id = profile.user_id AND users.personalisation)"

# Parameter: the user id.
TALLIES_OF_USER = (
    f"SELECT {MERGED_TALLIES}, {UNMERGED_COUPONS} FROM users_profile AS profile WHERE user_id = %s AND {ALLOWS_TALLIES}"
)

# Parameters: the last user id of the page before, the size of a page.
PAGE_OF_TALLIES = (
    f"SELECT profile.user_id, profile.coupon_count, {MERGED_TALLIES}, {UNMERGED_COUPONS} FROM users_profile AS profile "
    f"WHERE profile.user_id > %s AND {ALLOWS_TALLIES} ORDER BY profile.user_id LIMIT %s"
)

_COUPONS = msgspec.json.Decoder(list[TallyCoupon])
_TEXTS = ("sport", "home_team")  # other texts may be empty: unknown


def merge_tallies(packed: bytes | None, unmerged: str | None, *, must_be_consistent: bool = False) -> Tallies:
    """A user's tallies, from the columns `MERGED_TALLIES` and `UNMERGED_COUPONS`. Raises UnknownTalliesFormat; only
    with `must_be_consistent` also for contradictory stored numbers, before anything reads them."""
    tallies = Tallies(packed)
    if must_be_consistent and packed is not None:
        tallies.require_consistent()
    tallies.add(*decode_coupons(unmerged))
    return tallies


def decode_coupons(coupons: str | None) -> list[TallyCoupon]:
    if coupons is None:
        return []
    try:
        return _COUPONS.decode(coupons)
    except msgspec.ValidationError:  # only coupons that were inserted by hand can be invalid
        return [_without_invalid_selections(*each) for each in msgspec.json.decode(coupons)]


def _without_invalid_selections(
    key: int, timestamp: float, stake: float, selections: Any, unread_events: Any = ()
) -> TallyCoupon:
    found = selections if isinstance(selections, list) else []
    valid = [selection for each in found if (selection := _valid_selection(each)) is not None]
    events = [each for each in unread_events if isinstance(each, int) and 0 < each <= MAX_ID]
    return TallyCoupon(key, timestamp, stake, valid, events)


def _valid_selection(selection: Any) -> TallySelection | None:
    if not isinstance(selection, dict) or not all(selection.get(text) for text in _TEXTS):
        return None
    try:
        return msgspec.convert(selection, TallySelection)
    except msgspec.ValidationError:
        return None
