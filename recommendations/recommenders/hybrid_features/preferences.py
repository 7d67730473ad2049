"""A user's preferences that are more than single values: teams, at home and away alike, and the height of odds."""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from recommendations.offer import OWN_ODD, Dictionary
from recommendations.offer.arrays import Codes, Floats, Floats32
from recommendations.recommenders.base import ScoringContext
from recommendations.recommenders.profile import column_of
from recommendations.tallies.selections import BAND_BOUNDS

USUAL_ODDS = "usual odds"  # component
_FEW_BETS = 10.0  # added to the user's own, of which a team has a share
BETS_OF_OTHERS = 30.0  # near the same odds, added to the user's own
_WIDTH = 0.25  # standard deviation, in logarithms of odds
_BOUNDS = np.array([1.0, *BAND_BOUNDS, 2 * BAND_BOUNDS[-1]])
_MIDDLES = np.log(_BOUNDS[:-1] * _BOUNDS[1:]) / 2
BAND_KERNEL = np.exp(-0.5 * ((_MIDDLES[:, np.newaxis] - _MIDDLES) / _WIDTH) ** 2)  # (bands, bands)


def shares_of_teams(
    home: Mapping[str, float], away: Mapping[str, float], sides: Sequence[Dictionary[str]], starts: Codes
) -> tuple[Codes, Floats32]:
    """The share of the user's bets that were on each team, at home or away; smaller where there are few bets. `home`,
    `away`: numbers of bets. Returns the codes of the teams that the dictionaries of both `sides` have, those of each
    side from its number in `starts` (2,) on, and the shares, both (t,)."""
    total = sum(home.values()) + _FEW_BETS
    shares = {team: (home.get(team, 0) + away.get(team, 0)) / total for team in {**home, **away}}
    found = chain.from_iterable(side.places.find(shares) for side in sides)
    codes = np.fromiter(found, np.int32, 2 * len(shares)).reshape(2, len(shares))
    is_known = codes < [[len(side.values)] for side in sides]
    numbers = np.tile(np.fromiter(shares.values(), np.float32, len(shares)), (2, 1))  # they are kept in memory
    return (codes + starts[:, np.newaxis].astype(np.int32))[is_known], numbers[is_known]


def bets_near_bands(counts: Mapping[str, float]) -> Floats:
    """The number of the user's bets near each band of odds, shape (bands,)."""
    near: Floats = BAND_KERNEL @ np.array([counts.get(str(band), 0) for band in range(len(BAND_KERNEL))], np.float64)
    return near


def sentences_of_usual_odds(context: ScoringContext, place: int) -> list[str]:
    """Where most of the user's bets were in the band of the event's own odd or one beside it. None of an event that is
    priced by markets, of which another odd is shown."""
    offer, counts = context.offer, context.profile.counts.get("odds_band") or {}
    has_own_odd = offer.offered_by is None or offer.offered_by[place] == OWN_ODD
    if not has_own_odd or not offer.odds[place] < _BOUNDS[-1]:
        return []
    band = column_of(offer, "odds_band").codes[place]
    near = sum(counts.get(str(each), 0) for each in (band - 1, band, band + 1))
    return ["Odds like those of most of your bets"] if 2 * near > sum(counts.values()) else []
