"""The outcome of storing one row."""

from enum import StrEnum

import msgspec


class Result(StrEnum):
    STORED = "stored"
    STORED_IN_PART = "stored_in_part"
    UPDATED = "updated"
    REMOVED = "removed"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    STALE = "stale"
    ID_TAKEN = "id_taken"
    UNKNOWN_USER = "unknown_user"
    NOT_STORED = "not_stored"
    CONTRADICTS = "contradicts"
    TOO_MANY = "too_many"


class Outcome(msgspec.Struct, frozen=True):
    """A row's result, and the id under which it was written; None if it was not.

    STORED_IN_PART: a coupon with unreadable selections, or odds with unreadable markets. WAITING: a coupon stored until
    its user is. UNKNOWN_USER: a coupon dropped because too many are waiting. DUPLICATE: stored already. STALE: older
    than the stored, removed or erased row. ID_TAKEN: the id belongs to a row that the casino sent without one, which is
    never overwritten. NOT_STORED: a change of an unknown row. CONTRADICTS: a change that contradicts the stored row.
    TOO_MANY: odds of more markets than an event may have, or of a producer beyond the limit.
    """

    result: Result
    id: int | None = None


DUPLICATE, STALE, ID_TAKEN = Outcome(Result.DUPLICATE), Outcome(Result.STALE), Outcome(Result.ID_TAKEN)
NOT_STORED, CONTRADICTS = Outcome(Result.NOT_STORED), Outcome(Result.CONTRADICTS)
