"""What becomes of a row that is to be stored."""

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    STORED = "stored"
    UPDATED = "updated"
    REMOVED = "removed"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    STALE = "stale"
    ID_TAKEN = "id_taken"
    UNKNOWN_USER = "unknown_user"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row, and under which id it was written (None for one that was not).

    A waiting coupon is kept until its user comes; one of an unknown user is not, since too many wait. A duplicate is
    there already; what is stale was overtaken by later word. An id that is taken was handed out to a row that came
    without one, which is never overwritten.
    """

    result: Result
    id: int | None = None


DUPLICATE, STALE, ID_TAKEN = Outcome(Result.DUPLICATE), Outcome(Result.STALE), Outcome(Result.ID_TAKEN)
