"""The choice among the outcomes of an event: by what users bet on of what is offered, and by the user's own bets.

Within a sport, an outcome's score is half the sum over its features f (market, market and line band, market and
outcome, odds band) of log r(f) + log(P(f | user) / P(f | casino)). r is the number of bets divided by the number if all
that is offered were taken alike; `SMOOTHING` selections are added to both, and to the user's own ones as many of the
casino's distribution (Zhai and Lafferty, SIGIR 2001). Up to a constant, scores are log probabilities of a choice in the
event: half, because the features tell much of the same twice, and the sum is far too sure of itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.tallies.outcome_bets import weights_of_bets
from recommendations.tallies.outcome_keys import (
    OFFERED_ATTRIBUTES,
    OUTCOME_ATTRIBUTES,
    key_of_odds_band,
    keys_of_outcome,
    line_band,
)
from recommendations.tallies.selections import BAND_BOUNDS
from recommendations.tallies.trends import Trends
from recommendations.validation.fields import SEPARATOR

from .base import BettingProfile, share_of_last_bets
from .profile import LAST_BETS, SMOOTHING

_MARKET, _LINE, _OUTCOME, _BAND = OUTCOME_ATTRIBUTES
_OFFERED = dict(zip(OUTCOME_ATTRIBUTES, OFFERED_ATTRIBUTES, strict=True))
_BANDS = range(len(BAND_BOUNDS) + 1)
_BOUNDS = np.array(BAND_BOUNDS)
_CASINO = "outcomes"  # in `Trends.aligned`

_OF_SUM = 0.5  # on the bets of replication markets: log loss .60 instead of .67; the order is the same
_LEAST_SHARED = 2  # of the last bets
_LEAST_WEIGHT = 3.0  # of a user's bets in a sport, before they show which odds the user takes
_MAX_NUMBER = 1e15  # of bets
_LEAST_BETS = 10.0  # on a market, before they show which outcome users take

_Outcome = tuple[str, str, str]  # market, line, outcome
_Keys = tuple[str, str, str]  # values of the attributes but for the odds band


@dataclass(frozen=True, slots=True)
class OfferedOutcomes:
    """The n open outcomes of an event, each with its market, line ("" for none), name and decimal odd; `odds` has shape
    (n,). Of equal scores the first is chosen: order outcomes by line id, then as in the line."""

    sport: str
    markets: Sequence[str]
    lines: Sequence[str]
    outcomes: Sequence[str]
    odds: Floats


class CasinoOutcomes:
    """The part of the scores in a sport that all users of a casino share. Threads may add the same outcomes at once:
    a score never changes."""

    def __init__(self, trends: Trends, sport: str) -> None:
        self.sport, self._weights = sport, trends.weights
        self._bets, self._offered = self._total(_MARKET), self._total(_OFFERED[_MARKET])
        bands = [self.popularity(_BAND, key_of_odds_band(sport, band)) for band in _BANDS]
        self.bands: Floats = np.array(bands)
        self._known: dict[_Outcome, tuple[float, _Keys]] = {}

    def find(self, named: Sequence[_Outcome]) -> list[tuple[float, _Keys]]:
        """The score of each outcome but for its odds band, and its values of the other attributes."""
        known = self._known
        for each in named:
            if each not in known:
                known[each] = self._score(each)
        return [known[each] for each in named]

    def _score(self, outcome: _Outcome) -> tuple[float, _Keys]:
        market, line, name = outcome
        keys = keys_of_outcome(self.sport, market, line_band(line), name)
        return sum(self.popularity(*each) for each in zip(OUTCOME_ATTRIBUTES, keys, strict=False)), keys

    def bets_on(self, attribute: str, value: str) -> float:
        """The decayed number of bets on a value, or, of an offered attribute, of outcomes offered with it."""
        return _bounded(self._weights.get(attribute, {}).get(value, 0.0))

    def share(self, attribute: str, value: str) -> float:
        """The share of a value in the bets of the sport, with add-one smoothing: above 0."""
        return (self.bets_on(attribute, value) + 1.0) / (self._bets + 1.0)

    def popularity(self, attribute: str, value: str) -> float:
        """Half of log r of a value; of what was never counted as offered, by the bets alone."""
        expected = 0.0
        if self._offered:
            expected = self._bets * (self.bets_on(_OFFERED[attribute], value) / self._offered)
        return _OF_SUM * log((self.bets_on(attribute, value) + SMOOTHING) / (expected + SMOOTHING))

    def _total(self, attribute: str) -> float:
        prefix, numbers = self.sport + SEPARATOR, self._weights.get(attribute, {})
        return sum(_bounded(number) for value, number in numbers.items() if value.startswith(prefix))


@dataclass(frozen=True, slots=True)
class OutcomeTaste:
    """What one user, and all of the casino, bet on in a sport. `weights`: attribute -> value -> the decayed number of
    the user's bets; `lifts`: half of log(P(value | user) / P(value | casino)), plus a constant, of the values that the
    user bet on. `bands`: the score of each odds band."""

    casino: CasinoOutcomes
    profile: BettingProfile
    weights: Mapping[str, Mapping[str, float]]
    lifts: Mapping[str, Mapping[str, float]]
    bands: Floats


def casino_outcomes(trends: Trends, sport: str) -> CasinoOutcomes:
    """Computed once for the same trends."""
    of_sports: dict[str, CasinoOutcomes] = trends.aligned.setdefault(_CASINO, {})
    casino = of_sports.get(sport)
    if casino is None:
        casino = of_sports[sport] = CasinoOutcomes(trends, sport)
    return casino


def lifts_of(weights: Floats, smoothed: Floats) -> Floats:
    """Half of log(P(value | user) / P(value | casino)), plus a constant, of values with these decayed numbers of the
    user's bets, and these shares in the casino's, times `SMOOTHING`; 0 for no bets."""
    lifts: Floats = np.log1p(weights / smoothed)
    lifts *= _OF_SUM
    return lifts


def outcome_taste(profile: BettingProfile, trends: Trends, sport: str) -> OutcomeTaste:
    """The taste of a user in a sport, from `profile.bets` and the casino's trends."""
    casino, weights = casino_outcomes(trends, sport), weights_of_bets(profile.bets)
    lifts = {attribute: _lifts(casino, attribute, of_values) for attribute, of_values in weights.items()}
    own_bands = [lifts[_BAND].get(key_of_odds_band(sport, band), 0.0) for band in _BANDS] if lifts[_BAND] else 0.0
    return OutcomeTaste(casino, profile, weights, lifts, casino.bands + own_bands)


def score_outcomes(taste: OutcomeTaste, offered: OfferedOutcomes) -> Floats:
    """A finite score for each outcome, shape (n,); the highest is the one to show. That of an outcome depends on no
    other outcome."""
    found = taste.casino.find(list(zip(offered.markets, offered.lines, offered.outcomes, strict=True)))
    bands = np.searchsorted(_BOUNDS, offered.odds, side="right")
    scores: Floats = np.array([score for score, _ in found], dtype=np.float64) + taste.bands.take(bands)
    on_markets, on_lines, on_outcomes = (taste.lifts[attribute] for attribute in (_MARKET, _LINE, _OUTCOME))
    for place, (_, (market, line, outcome)) in enumerate(found if on_markets else ()):
        if market in on_markets:  # the user bet on no line and no outcome of the others
            scores[place] += on_markets[market] + on_lines.get(line, 0.0) + on_outcomes.get(outcome, 0.0)
    return scores


def outcome_reasons(taste: OutcomeTaste, offered: OfferedOutcomes, place: int) -> tuple[str, ...]:
    """Sentences for the user that explain the choice of the outcome at `place`; none where it has no reason."""
    market, outcome, odd = offered.markets[place], offered.outcomes[place], float(offered.odds[place])
    reasons = (_last_bets(taste, market), _usual_odds(taste, odd), _usual_outcome(taste, market, outcome))
    return tuple(reason for reason in reasons if reason)


def _bounded(number: float) -> float:
    """Others than this service may write into a casino's database."""
    return min(max(number, 0.0), _MAX_NUMBER)


def _lifts(casino: CasinoOutcomes, attribute: str, weights: Mapping[str, float]) -> dict[str, float]:
    prefix = casino.sport + SEPARATOR
    own = {value: each for value, each in weights.items() if value.startswith(prefix)}
    shares = np.array([casino.share(attribute, value) for value in own])
    return dict(zip(own, lifts_of(np.array([*own.values()]), SMOOTHING * shares).tolist(), strict=True))


def _last_bets(taste: OutcomeTaste, market: str) -> str:
    last = taste.profile.recent[-LAST_BETS:]
    number = sum(each.market == market and each.sport == taste.casino.sport for each in last)
    return share_of_last_bets(number, len(last), market) if number >= _LEAST_SHARED else ""


def _usual_odds(taste: OutcomeTaste, odd: float) -> str:
    """Of a user most of whose bets in the sport were in the odd's band."""
    weights, sport = taste.weights[_BAND], taste.casino.sport
    own = [weights.get(key_of_odds_band(sport, band), 0.0) for band in _BANDS]
    band = int(np.searchsorted(_BOUNDS, odd, side="right"))
    return f"You mostly take odds {_range_of(band)}" if own[band] > max(sum(own), _LEAST_WEIGHT) / 2 else ""


def _range_of(band: int) -> str:
    if band == 0:
        return f"below {BAND_BOUNDS[0]:.2f}"
    if band == _BANDS[-1]:
        return f"from {BAND_BOUNDS[-1]:.2f}"
    return f"from {BAND_BOUNDS[band - 1]:.2f} to {BAND_BOUNDS[band]:.2f}"


def _usual_outcome(taste: OutcomeTaste, market: str, outcome: str) -> str:
    on_market, _, on_outcome = keys_of_outcome(taste.casino.sport, market, "", outcome)
    bets = taste.casino.bets_on(_MARKET, on_market)
    is_usual = bets >= _LEAST_BETS and taste.casino.bets_on(_OUTCOME, on_outcome) > bets / 2
    return f"Most bets on this market here are on {outcome}" if is_usual else ""
