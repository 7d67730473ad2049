"""What the cache of connections may do, and what it did."""

from dataclasses import dataclass


@dataclass(slots=True)  # not frozen, which makes it three times as slow to make, and one is made for each loan
class Limits:
    """`total` and `each`: connections, in all and with one key. `idle` and `wait`: seconds."""

    total: int
    each: int
    idle: float
    wait: float


@dataclass(slots=True)
class Metrics:
    """`open` (with those just being opened or closed), `in_use` and `idle` say how many there are now; the rest count
    since the process began.

    `evicted` ones were idle and made way for another key's, `expired` ones were idle too long, `lost` ones were found
    dead or unfit. `waited` counts those who found none free, `waited_seconds` for how long; `refused` had waited in
    vain.
    """

    open: int = 0
    in_use: int = 0
    idle: int = 0
    opened: int = 0
    reused: int = 0
    evicted: int = 0
    expired: int = 0
    lost: int = 0
    waited: int = 0
    waited_seconds: float = 0.0
    refused: int = 0
