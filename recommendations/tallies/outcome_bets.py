"""A user's recent bets on outcomes of markets, as the user's tallies pack them: three numbers beside a selection."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

import msgspec

from .outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from .selections import RecentSelection, TallySelection

_MARKET_OF = attrgetter("market")
WIDTH = 3  # market, line band, outcome: 0 if not said, else 1 + the index in the list of words


def numbers_of_bets(selections: Sequence[TallySelection], places: dict[str, int]) -> list[int]:
    """`WIDTH` numbers for each selection; none if no selection names an outcome. New words are appended to `places`."""
    if not any(map(_MARKET_OF, selections)):
        return []
    numbers = [number for each in selections for number in _numbers_of(each, places)]
    return numbers if any(numbers) else []


def _numbers_of(selection: TallySelection, places: dict[str, int]) -> Iterator[int]:
    is_said = selection.market and selection.outcome
    for text in (selection.market, line_band(selection.line), selection.outcome):
        yield 1 + places.setdefault(text, len(places)) if is_said and text else 0


def with_bets(recent: Iterable[RecentSelection], numbers: list[int], words: Sequence[str]) -> list[RecentSelection]:
    """The selections with what these numbers say of them."""
    texts = ["", *words]
    return [
        msgspec.structs.replace(each, market=texts[market], line=texts[band], outcome=texts[outcome])
        if market
        else each
        for each, (market, band, outcome) in zip(recent, zip(*[iter(numbers)] * WIDTH, strict=True), strict=True)
    ]


def weights_of_bets(
    weights: Sequence[float], sports: Sequence[int], odds_bands: Sequence[int], numbers: list[int], words: Sequence[str]
) -> dict[str, dict[str, float]]:
    """`OUTCOME_ATTRIBUTES` -> value -> the sum of the weights of the selections that name it. Of each selection its
    weight, the index of its sport, its odds band (below 0: none), and `WIDTH` numbers."""
    alike: dict[tuple[int, ...], float] = {}
    columns = zip(sports, odds_bands, *(numbers[place::WIDTH] for place in range(WIDTH)), strict=True)
    for weight, numbers_alike in zip(weights, columns, strict=True):
        alike[numbers_alike] = alike.get(numbers_alike, 0.0) + weight
    on_markets, on_lines, on_outcomes, on_odds = sums = [defaultdict[str, float](float) for _ in OUTCOME_ATTRIBUTES]
    texts = ["", *words]
    for (sport, odds_band, market, band, outcome), weight in alike.items():
        if not market:
            continue
        market_key, line_key, outcome_key = keys_of_outcome(words[sport], texts[market], texts[band], texts[outcome])
        on_markets[market_key] += weight
        on_lines[line_key] += weight
        on_outcomes[outcome_key] += weight
        if odds_band >= 0:
            on_odds[key_of_odds_band(words[sport], odds_band)] += weight
    return dict(zip(OUTCOME_ATTRIBUTES, map(dict, sums), strict=True))
