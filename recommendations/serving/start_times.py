"""Start times to be confirmed: feeds send the day of a match, often as 00:00, before they know its hour.

Such an event counts as beginning with the first minute of its day: after that it may have begun.
"""

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import numpy as np

from recommendations.offer import MemoKey, Offer
from recommendations.offer.arrays import Floats, Mask

_DAY = 86_400
_LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_WITH_UNKNOWN = MemoKey["_Known"]("unknown start times")


class _Known:
    """The offer with the start times in the zone of the casino's option; None if it equals the read offer. Only two of
    its arrays are not shared."""

    def __init__(self, zone: str | None, offer: Offer | None) -> None:
        self.zone, self.offer = zone, offer
        self.nbytes = 0 if offer is None else offer.begins.nbytes + offer.start_time_tbd.nbytes


def is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # not the name of a zone: a path, a folder, or unknown
        return False
    return True


def with_unknown_start_times(offer: Offer, zone: str | None) -> Offer:
    """The offer in which events that begin at 00:00 in this zone also have a start time to be confirmed. All such
    events begin with their day's first minute, in this zone or else UTC. Cached with the offer."""
    cached = offer.memo.get(_WITH_UNKNOWN)
    if cached is None or cached.zone != zone:
        cached = offer.memo.keep(_WITH_UNKNOWN, _Known(zone, _read(offer, None if zone is None else ZoneInfo(zone))))
    return offer if cached.offer is None else cached.offer


def _read(offer: Offer, zone: tzinfo | None) -> Offer | None:
    unknown = offer.start_time_tbd if zone is None else offer.start_time_tbd | _at_midnight(offer.begins, zone)
    if not unknown.any():
        return None
    begins = offer.begins.copy()
    begins[unknown] = _day_starts(begins[unknown], zone or UTC)
    read = replace(offer, begins=begins, start_time_tbd=unknown)
    # share the memo, so that its size is counted: only hourly scores in it depend on begins, and they admit no event
    object.__setattr__(read, "memo", offer.memo)
    return read


def _at_midnight(begins: Floats, zone: tzinfo) -> Mask:
    """The mask of begins at local midnight. Local times are computed only for begins for which the zone's offsets of
    that day make midnight possible."""
    mask: Mask = np.zeros(len(begins), dtype=np.bool_)
    is_date = (begins >= 0) & (begins < _LATEST)
    days = np.unique(begins[is_date] // _DAY)
    hours = (days[:, None] * _DAY + np.array([0, _DAY - 3_600])).ravel()
    for offset in {_local(each, zone).utcoffset() for each in hours.tolist()}:
        if offset is not None:
            mask |= is_date & ((begins + offset.total_seconds()) % _DAY == 0)
    candidates, which = np.unique(begins[mask], return_inverse=True)
    is_midnight = [_local(each, zone) == _first_minute(each, zone) for each in candidates.tolist()]
    mask[mask] = np.array(is_midnight, dtype=np.bool_)[which]
    return mask


def _day_starts(begins: Floats, zone: tzinfo) -> Floats:
    times, which = np.unique(begins, return_inverse=True)
    starts = [_first_minute(each, zone).timestamp() if 0 <= each < _LATEST else each for each in times.tolist()]
    return np.array(starts, dtype=np.float64)[which]


def _local(seconds: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(seconds, zone)


def _first_minute(seconds: float, zone: tzinfo) -> datetime:
    return _local(seconds, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
