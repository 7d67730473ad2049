"""Why a price may not be served: one code for each reason."""

from enum import IntEnum


class Refusal(IntEnum):
    """The reasons, in the order in which the gate looks for them. `OPEN`: there is none."""

    OPEN = 0
    UNREADABLE = 1  # its market line is unknown, or has another number of outcomes
    SUSPENDED = 2
    CLOSED = 3
    FEED_CLOSED = 4  # by hand, by its own message, or of an unknown producer
    FEED_SILENT = 5
    STALE = 6
    BLOCKED = 7
    NOT_REQUESTED = 8
    OUT_OF_RANGE = 9
    MARKET_FULL = 10

    @property
    def code(self) -> str:
        return self.name.lower()


# Of a market line; any other status closes it.
STATUSES = {"open": Refusal.OPEN, "suspended": Refusal.SUSPENDED}
