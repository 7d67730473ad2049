"""The tallied values of a selection that names the outcome of a market. Each value is within one sport."""

from functools import lru_cache

from recommendations.validation.fields import SEPARATOR
from tenants.numbers import parse_decimal

OUTCOME_ATTRIBUTES = ("market", "market_line", "market_outcome", "market_odds_band")
OFFERED_ATTRIBUTES = tuple(f"offered_{name}" for name in OUTCOME_ATTRIBUTES)  # of a casino: tallies of offered outcomes

_OWN_BAND_UP_TO = 20
_BAND = 5


@lru_cache(4_096)
def line_band(line: str) -> str:
    """The line itself if it is text or at most 20; else the nearest multiple of 5, so that totals 219.5 and 221
    match."""
    number = parse_decimal(line)
    if number is None or abs(number) <= _OWN_BAND_UP_TO:
        return line
    return str(round(number / _BAND) * _BAND)


def keys_of_outcome(sport: str, market: str, band: str, outcome: str) -> tuple[str, str, str]:
    """The values of the first three `OUTCOME_ATTRIBUTES`. `band`: a result of `line_band`."""
    key = f"{sport}{SEPARATOR}{market}"
    return key, f"{key}{SEPARATOR}{band}", f"{key}{SEPARATOR}{outcome}"


def key_of_odds_band(sport: str, band: int) -> str:
    """The value of the last of `OUTCOME_ATTRIBUTES`. `band`: an index as in `BAND_BOUNDS`."""
    return f"{sport}{SEPARATOR}{band}"


@lru_cache(16_384)
def keys_of_bet(sport: str, market: str, band: str, outcome: str, odds_band: int) -> tuple[str, str, str, str]:
    """The values of all `OUTCOME_ATTRIBUTES`. The cache saves a replay two thirds of the time for its many bets."""
    return *keys_of_outcome(sport, market, band, outcome), key_of_odds_band(sport, odds_band)
