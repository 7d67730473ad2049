"""The choice among the outcomes of an event, from all users' bets on the offered outcomes and from the user's own bets.

Within a sport, an outcome's score is half the sum over its features f (market, market and line band, market and
outcome, odds band) of log r(f) + log(P(f | user) / P(f | casino)). r is the number of bets divided by the expected
number if all offered outcomes were equally popular. `SMOOTHING` selections are added to both numbers, and to the user's
bets as many of the casino's distribution (Zhai and Lafferty, SIGIR 2001). Up to a constant, scores are log
probabilities of a choice in the event. The sum is halved because the features overlap, so that it overstates the
differences.
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

_LIFT_SCALE = 0.5  # on the bets of replication markets: log loss .60 instead of .67, in the same order
_LEAST_SHARED = 2  # minimal number of the last bets
_LEAST_WEIGHT = 3.0  # of a user's bets in a sport, minimum for a usual odds band
_MAX_NUMBER = 1e15  # bound of a number of bets
_LEAST_BETS = 10.0  # on a market, minimum for a usual outcome

_Outcome = tuple[str, str, str]  # market, line, outcome
_Keys = tuple[str, str, str]  # values of the attributes except the odds band


@dataclass(frozen=True, slots=True)
class OfferedOutcomes:
    """The n open outcomes of an event, each with its market, line ("" for none), name and decimal odd; `odds` has shape
    (n,). The first of equal scores is chosen: order outcomes by line id, then as in the line."""

    sport: str
    markets: Sequence[str]
    lines: Sequence[str]
    outcomes: Sequence[str]
    odds: Floats


class CasinoOutcomes:
    """The part of the scores in a sport that all users of a casino share. Threads may add the same outcomes at the same
    time: their scores are equal."""

    def __init__(self, trends: Trends, sport: str) -> None:
        self.sport, self._weights = sport, trends.weights
        self._bets, self._offered = self._total(_MARKET), self._total(_OFFERED[_MARKET])
        bands = [self.popularity(_BAND, key_of_odds_band(sport, band)) for band in _BANDS]
        self.bands: Floats = np.array(bands)
        self._known: dict[_Outcome, tuple[float, _Keys]] = {}

    def find(self, named: Sequence[_Outcome]) -> list[tuple[float, _Keys]]:
        """The score of each outcome without its odds band, and its values of the other attributes."""
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
        """The decayed number of bets on a value; for an offered attribute, the number of offered outcomes with it."""
        return _bounded(self._weights.get(attribute, {}).get(value, 0.0))

    def share(self, attribute: str, value: str) -> float:
        """The share of a value in the bets of the sport, with add-one smoothing; above 0."""
        return (self.bets_on(attribute, value) + 1.0) / (self._bets + 1.0)

    def popularity(self, attribute: str, value: str) -> float:
        """Half of log r of a value; from the bets alone if nothing was counted as offered."""
        expected = 0.0
        if self._offered:
            expected = self._bets * (self.bets_on(_OFFERED[attribute], value) / self._offered)
        return _LIFT_SCALE * log((self.bets_on(attribute, value) + SMOOTHING) / (expected + SMOOTHING))

    def _total(self, attribute: str) -> float:
        prefix, numbers = self.sport + SEPARATOR, self._weights.get(attribute, {})
        return sum(_bounded(number) for value, number in numbers.items() if value.startswith(prefix))


@dataclass(frozen=True, slots=True)
class OutcomePreferences:
    """A user's preferences in a sport. `weights`: attribute -> value -> the decayed number of the user's bets. `lifts`:
    half of log(P(value | user) / P(value | casino)), plus a constant, for the values with bets of the user. `bands`:
    the score of each odds band."""

    casino: CasinoOutcomes
    profile: BettingProfile
    weights: Mapping[str, Mapping[str, float]]
    lifts: Mapping[str, Mapping[str, float]]
    bands: Floats


def casino_outcomes(trends: Trends, sport: str) -> CasinoOutcomes:
    """The casino's part of the scores, cached with the trends."""
    casinos: dict[str, CasinoOutcomes] = trends.aligned.setdefault(_CASINO, {})
    casino = casinos.get(sport)
    if casino is None:
        casino = casinos[sport] = CasinoOutcomes(trends, sport)
    return casino


def lifts_of(weights: Floats, smoothed: Floats) -> Floats:
    """Half of log(P(value | user) / P(value | casino)), plus a constant; 0 without bets. `weights`: the decayed numbers
    of the user's bets; `smoothed`: the values' shares in the casino's bets, times `SMOOTHING`."""
    lifts: Floats = np.log1p(weights / smoothed)
    lifts *= _LIFT_SCALE
    return lifts


def outcome_preferences(profile: BettingProfile, trends: Trends, sport: str) -> OutcomePreferences:
    """A user's preferences in a sport, from `profile.bets` and the casino's trends."""
    casino, weights = casino_outcomes(trends, sport), weights_of_bets(profile.bets)
    lifts = {attribute: _lifts(casino, attribute, of_values) for attribute, of_values in weights.items()}
    own_bands = [lifts[_BAND].get(key_of_odds_band(sport, band), 0.0) for band in _BANDS] if lifts[_BAND] else 0.0
    return OutcomePreferences(casino, profile, weights, lifts, casino.bands + own_bands)


def score_outcomes(preferences: OutcomePreferences, offered: OfferedOutcomes) -> Floats:
    """A finite score for each outcome, shape (n,); the highest wins. An outcome's score does not depend on the other
    outcomes."""
    found = preferences.casino.find(list(zip(offered.markets, offered.lines, offered.outcomes, strict=True)))
    bands = np.searchsorted(_BOUNDS, offered.odds, side="right")
    scores: Floats = np.array([score for score, _ in found], dtype=np.float64) + preferences.bands.take(bands)
    on_markets, on_lines, on_outcomes = (preferences.lifts[attribute] for attribute in (_MARKET, _LINE, _OUTCOME))
    for place, (_, (market, line, outcome)) in enumerate(found if on_markets else ()):
        if market in on_markets:  # other markets have no bets of the user, nor have their lines and outcomes
            scores[place] += on_markets[market] + on_lines.get(line, 0.0) + on_outcomes.get(outcome, 0.0)
    return scores


def outcome_reasons(preferences: OutcomePreferences, offered: OfferedOutcomes, place: int) -> tuple[str, ...]:
    """Sentences for the user that explain the choice of the outcome at `place`; none without a reason."""
    market, outcome, odd = offered.markets[place], offered.outcomes[place], float(offered.odds[place])
    reasons = (
        _last_bets(preferences, market),
        _usual_odds(preferences, odd),
        _usual_outcome(preferences, market, outcome),
    )
    return tuple(reason for reason in reasons if reason)


def _bounded(number: float) -> float:
    """Clip a stored number: other programs may write into a casino's database."""
    return min(max(number, 0.0), _MAX_NUMBER)


def _lifts(casino: CasinoOutcomes, attribute: str, weights: Mapping[str, float]) -> dict[str, float]:
    prefix = casino.sport + SEPARATOR
    own = {value: each for value, each in weights.items() if value.startswith(prefix)}
    shares = np.array([casino.share(attribute, value) for value in own])
    return dict(zip(own, lifts_of(np.array([*own.values()]), SMOOTHING * shares).tolist(), strict=True))


def _last_bets(preferences: OutcomePreferences, market: str) -> str:
    last = preferences.profile.recent[-LAST_BETS:]
    number = sum(each.market == market and each.sport == preferences.casino.sport for each in last)
    return share_of_last_bets(number, len(last), market) if number >= _LEAST_SHARED else ""


def _usual_odds(preferences: OutcomePreferences, odd: float) -> str:
    """The reason for a user with most bets in the sport in the odd's band; else empty."""
    weights, sport = preferences.weights[_BAND], preferences.casino.sport
    own = [weights.get(key_of_odds_band(sport, band), 0.0) for band in _BANDS]
    band = int(np.searchsorted(_BOUNDS, odd, side="right"))
    return f"You mostly take odds {_range_of(band)}" if own[band] > max(sum(own), _LEAST_WEIGHT) / 2 else ""


def _range_of(band: int) -> str:
    if band == 0:
        return f"below {BAND_BOUNDS[0]:.2f}"
    if band == _BANDS[-1]:
        return f"from {BAND_BOUNDS[-1]:.2f}"
    return f"from {BAND_BOUNDS[band - 1]:.2f} to {BAND_BOUNDS[band]:.2f}"


def _usual_outcome(preferences: OutcomePreferences, market: str, outcome: str) -> str:
    on_market, _, on_outcome = keys_of_outcome(preferences.casino.sport, market, "", outcome)
    bets = preferences.casino.bets_on(_MARKET, on_market)
    is_usual = bets >= _LEAST_BETS and preferences.casino.bets_on(_OUTCOME, on_outcome) > bets / 2
    return f"Most bets on this market here are on {outcome}" if is_usual else ""
