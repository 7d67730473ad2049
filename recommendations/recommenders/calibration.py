"""Calibrated confidence: how often a casino's users bet on the slips that they are shown."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated

import msgspec

from recommendations.errors import UnreadableModel

_Rows, _Columns = msgspec.Meta(max_length=100), msgspec.Meta(max_length=100)


class Calibration(msgspec.Struct, frozen=True, array_like=True):
    """Of slips of 1, 2, .. events, each a row of `shares`: the share that held an event which its user bet on within a
    day, by the user's number of coupons. `coupons` are the numbers from which on each column holds, the first 0.

    Shares neither fall from column to column nor from row to row.
    """

    coupons: Annotated[tuple[int, ...], _Columns]
    shares: Annotated[tuple[Annotated[tuple[float, ...], _Columns], ...], _Rows]

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, encoded: bytes) -> "Calibration":
        found = msgspec.msgpack.decode(encoded, type=cls)
        if found.coupons[:1] != (0,) or any(low >= high for low, high in pairwise(found.coupons)):
            raise UnreadableModel("numbers of coupons do not rise from 0")
        if not found.shares or any(len(row) != len(found.coupons) for row in found.shares):
            raise UnreadableModel("there is not a share for each number of coupons")
        columns = zip(*found.shares, strict=True)
        if not all(map(_rises_within_bounds, (*found.shares, *columns))):
            raise UnreadableModel("shares fall, or are not from 0 to 1")
        return found


def _rises_within_bounds(shares: Iterable[float]) -> bool:
    return all(low <= high for low, high in pairwise((0.0, *shares, 1.0)))
