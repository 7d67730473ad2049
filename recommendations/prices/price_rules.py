"""The rules of one request for prices: bounds, ages and markets."""

from functools import lru_cache
from math import ceil, floor, inf

import msgspec

_SCALE = 1_000


class PriceRules(msgspec.Struct, frozen=True):
    """`now`: Unix seconds. `max_age_seconds`, `max_live_age_seconds`: of a price, before and after its event's begin;
    infinite without a limit. A market must be in `only_markets` and in `requested_markets`; an empty set allows all.
    With `trust_after_silence`, prices from before a silence of their feed are valid after it."""

    now: float
    min_odd: float = 1.0
    max_odd: float = 1_000_000.0
    feed_silence_seconds: float = 10.0
    max_age_seconds: float = inf
    max_live_age_seconds: float = 120.0
    blocked_markets: frozenset[str] = frozenset()
    only_markets: frozenset[str] = frozenset()
    requested_markets: frozenset[str] = frozenset()
    trust_after_silence: bool = False

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest allowed odd, which is above 1, and the highest, in thousandths."""
        return _thousandths(self.min_odd, self.max_odd)

    @property
    def has_markets(self) -> bool:
        """Whether a rule depends on the market."""
        return bool(self.blocked_markets or self.only_markets or self.requested_markets)


@lru_cache(1_024)
def _thousandths(min_odd: float, max_odd: float) -> tuple[int, int]:
    return max(_SCALE + 1, ceil(round(min_odd * _SCALE, 3))), floor(round(max_odd * _SCALE, 3))
