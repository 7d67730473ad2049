"""A user's recent bets on outcomes of markets, as the user's tallies pack them: three numbers beside a selection."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec

from .outcome_keys import OUTCOME_ATTRIBUTES, keys_of_bet, line_band
from .selections import RecentSelection, TallySelection

_MARKET_OF = attrgetter("market")
_NOT_SAID = (0, 0, 0)
WIDTH = 3  # market, line band, outcome: 0 if not said, else 1 + the index in the list of words


def numbers_of_bets(selections: Sequence[TallySelection], places: dict[str, int]) -> list[int]:
    """`WIDTH` numbers for each selection; none if no selection names an outcome. New words are appended to `places`."""
    if not any(map(_MARKET_OF, selections)):
        return []
    numbers: list[int] = []
    place_of = places.setdefault
    for each in selections:
        if not each.market or not each.outcome:
            numbers += _NOT_SAID
            continue
        band = line_band(each.line)
        numbers.append(1 + place_of(each.market, len(places)))
        numbers.append(1 + place_of(band, len(places)) if band else 0)
        numbers.append(1 + place_of(each.outcome, len(places)))
    return numbers if any(numbers) else []


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
    on_markets: dict[str, float] = {}
    on_lines: dict[str, float] = {}
    on_outcomes: dict[str, float] = {}
    on_odds: dict[str, float] = {}
    texts, columns = ["", *words], [numbers[place::WIDTH] for place in range(WIDTH)]
    for weight, sport, odds_band, market, band, outcome in zip(weights, sports, odds_bands, *columns, strict=True):
        if not market:
            continue
        market_key, line_key, outcome_key, odds_key = keys_of_bet(
            words[sport], texts[market], texts[band], texts[outcome], odds_band
        )
        on_markets[market_key] = on_markets.get(market_key, 0.0) + weight
        on_lines[line_key] = on_lines.get(line_key, 0.0) + weight
        on_outcomes[outcome_key] = on_outcomes.get(outcome_key, 0.0) + weight
        if odds_band >= 0:
            on_odds[odds_key] = on_odds.get(odds_key, 0.0) + weight
    return dict(zip(OUTCOME_ATTRIBUTES, (on_markets, on_lines, on_outcomes, on_odds), strict=True))
