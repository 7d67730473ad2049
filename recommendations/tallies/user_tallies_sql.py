"""A user's tallies as the database keeps them: packed, and beside them the coupons that are not in them yet."""

from typing import Any

import msgspec

from .selections import TallyCoupon, TallySelection
from .user_tallies import Tallies

_COUPON = (
    "'[' || coupon.id || ',' || extract(epoch FROM coupon.timestamp) || ',' || coupon.stake || ',' "
    "|| coupon.recommended_events || ']'"
)


def coupons_from(source: str) -> str:
    """SQL: the coupons of `source`, which names them `coupon`, as one text for `decode_coupons`; null for none."""
    return f"(SELECT '[' || string_agg({_COUPON}, ',') FILTER (WHERE isfinite(coupon.timestamp)) || ']' FROM {source})"


_PACKED = "(SELECT packed.tallies FROM user_tallies AS packed WHERE packed.user_id = profile.user_id)"
_PENDING = coupons_from("purchased_coupons AS coupon WHERE coupon.id = ANY(profile.pending_coupon_ids)")

# Pieces of the list of a SELECT .. FROM users_profile AS profile: all coupons of the user; and what `merge_tallies` takes.
# Of a user whom nothing was ever tallied for, all coupons are pending. A user without such a row has neither.
ALL_COUPONS = coupons_from("purchased_coupons AS coupon WHERE coupon.user_id = profile.user_id")
MERGED_TALLIES = f"CASE WHEN NOT profile.needs_rebuild THEN {_PACKED} END"
UNMERGED_COUPONS = f"CASE WHEN profile.needs_rebuild THEN {ALL_COUPONS} ELSE {_PENDING} END"

_COUPONS = msgspec.json.Decoder(list[TallyCoupon])
_TEXTS = ("sport", "league", "country", "home_team", "away_team")


def merge_tallies(packed: bytes | None, pending: str | None) -> Tallies:
    """A user's tallies, out of what `MERGED_TALLIES` and `UNMERGED_COUPONS` answered. Raises UnknownTalliesFormat."""
    tallies = Tallies.decode(packed)
    tallies.add(*decode_coupons(pending))
    return tallies


def decode_coupons(coupons: str | None) -> list[TallyCoupon]:
    if coupons is None:
        return []
    try:
        return _COUPONS.decode(coupons)
    except msgspec.ValidationError:  # only coupons written by hand are not as the storing functions write them
        return [_as_far_as_it_goes(*each) for each in msgspec.json.decode(coupons)]


def _as_far_as_it_goes(key: int, timestamp: float, stake: float, selections: Any) -> TallyCoupon:
    """Without the selections that lack an attribute: they say nothing."""
    found = selections if isinstance(selections, list) else []
    return TallyCoupon(key, timestamp, stake, [bet for each in found if (bet := _bet_or_none(each)) is not None])


def _bet_or_none(selection: Any) -> TallySelection | None:
    if not isinstance(selection, dict) or not all(selection.get(text) for text in _TEXTS):
        return None
    try:
        return msgspec.convert(selection, TallySelection)
    except msgspec.ValidationError:
        return None
