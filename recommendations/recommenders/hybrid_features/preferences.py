"""A user's preferences that are more than single values: teams, at home and away alike, and the height of odds."""

from collections.abc import Mapping

import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.recommenders.base import ScoringContext
from recommendations.recommenders.profile import column_of
from recommendations.tallies.selections import BAND_BOUNDS

USUAL_ODDS = "usual odds"  # component
_FEW_BETS = 10.0  # added to the user's own, of which a team has a share
BETS_OF_OTHERS = 30.0  # near the same odds, added to the user's own
_WIDTH = 0.25  # standard deviation, in logarithms of odds
_BOUNDS = np.array([1.0, *BAND_BOUNDS, 2 * BAND_BOUNDS[-1]])
_MIDDLES = np.log(_BOUNDS[:-1] * _BOUNDS[1:]) / 2
NEARNESS = np.exp(-0.5 * ((_MIDDLES[:, np.newaxis] - _MIDDLES) / _WIDTH) ** 2)  # (bands, bands)


def shares_of_teams(counts: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Team -> the share of the user's bets that were on it, at home or away; smaller where there are few bets."""
    home, away = counts.get("home_team") or {}, counts.get("away_team") or {}
    total = sum(home.values()) + _FEW_BETS
    return {team: (home.get(team, 0) + away.get(team, 0)) / total for team in {**home, **away}}


def bets_near_bands(counts: Mapping[str, float]) -> Floats:
    """The number of the user's bets near each band of odds, shape (bands,)."""
    near: Floats = NEARNESS @ [counts.get(str(band), 0) for band in range(len(NEARNESS))]
    return near


def sentences_of_usual_odds(context: ScoringContext, place: int) -> list[str]:
    """Where most of the user's bets were in the event's band of odds or one beside it."""
    counts, band = context.profile.counts.get("odds_band") or {}, column_of(context.offer, "odds_band").codes[place]
    near = sum(counts.get(str(each), 0) for each in (band - 1, band, band + 1))
    is_usual = not np.isnan(context.offer.odds[place]) and 2 * near > sum(counts.values())
    return ["Odds like those of most of your bets"] if is_usual else []
