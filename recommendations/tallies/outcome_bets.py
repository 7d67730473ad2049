"""A user's recent bets on outcomes of markets, as the user's tallies pack them: three numbers beside each selection."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec

from .outcome_keys import OUTCOME_ATTRIBUTES, keys_of_bet, line_band
from .selections import RecentSelection, TallySelection

_MARKET_OF = attrgetter("market")
_NO_OUTCOME = (0, 0, 0)
WIDTH = 3  # market, line band, outcome: 0 if unnamed, else 1 + the index in the list of words
NO_BAND = -1  # the odds band of a void selection

Texts = tuple[str, str, str, str]  # sport, market, line or its band, outcome
# A bet on an outcome: its decayed weight, its texts, and the odds band or `NO_BAND`. A tuple, not a class: a request
# creates one for each of the user's bets.
OutcomeBet = tuple[float, Texts, int]


def names_outcome(selections: Iterable[TallySelection]) -> bool:
    """Whether a selection names a market, and thus may name an outcome."""
    return any(map(_MARKET_OF, selections))


def numbers_of_bets(selections: Sequence[TallySelection], places: defaultdict[str, int]) -> list[int]:
    """`WIDTH` numbers for each selection; none if no selection names an outcome. `places`: word -> index, also for new
    words."""
    numbers: list[int] = []
    for each in selections:
        if not each.market or not each.outcome:
            numbers += _NO_OUTCOME
            continue
        band = line_band(each.line)
        numbers += 1 + places[each.market], 1 + places[band] if band else 0, 1 + places[each.outcome]
    return numbers if any(numbers) else []


def texts_of_bets(numbers: Sequence[int], sports: Sequence[int], words: Sequence[str]) -> list[Texts | None]:
    """The texts that these numbers stand for, one for each selection; None for a selection without an outcome."""
    texts = ["", *words]
    return [
        (words[sport], texts[market], texts[band], texts[outcome]) if market else None
        for sport, market, band, outcome in zip(sports, *(numbers[n::WIDTH] for n in range(WIDTH)), strict=True)
    ]


def with_bets(recent: Iterable[RecentSelection], numbers: list[int], words: Sequence[str]) -> list[RecentSelection]:
    """The selections with the markets, lines and outcomes that these numbers stand for."""
    texts = ["", *words]
    return [
        msgspec.structs.replace(each, market=texts[market], line=texts[band], outcome=texts[outcome])
        if market
        else each
        for each, (market, band, outcome) in zip(recent, zip(*[iter(numbers)] * WIDTH, strict=True), strict=True)
    ]


def weights_of_bets(bets: Iterable[OutcomeBet]) -> Mapping[str, Mapping[str, float]]:
    """`OUTCOME_ATTRIBUTES` -> value -> the sum of the weights of the bets on it."""
    sums: dict[str, dict[str, float]] = {attribute: {} for attribute in OUTCOME_ATTRIBUTES}
    for weight, (sport, market, line, outcome), odds_band in bets:
        keys = keys_of_bet(sport, market, line_band(line), outcome, odds_band)
        for by_key, key in zip(sums.values(), keys if odds_band >= 0 else keys[:-1], strict=False):
            by_key[key] = by_key.get(key, 0.0) + weight
    return sums
