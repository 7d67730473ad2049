"""Refusals: the reasons for not serving a price, each with a code."""

from enum import IntEnum


class Refusal(IntEnum):
    """The refusals, in the order in which the gate checks them. `OPEN`: none, the price may be served."""

    OPEN = 0
    UNREADABLE = 1  # the market line is unknown, or has another number of outcomes
    SUSPENDED = 2
    CLOSED = 3
    FEED_CLOSED = 4  # closed by hand or by a message of the producer, or unknown producer
    FEED_SILENT = 5
    STALE = 6
    BLOCKED = 7
    NOT_REQUESTED = 8
    OUT_OF_RANGE = 9
    MARKET_FULL = 10

    @property
    def code(self) -> str:
        return self.name.lower()


# By a market line's status; any other status counts as closed.
STATUSES = {"open": Refusal.OPEN, "suspended": Refusal.SUSPENDED}
