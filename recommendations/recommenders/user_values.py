"""Attribute values as numbers, and a user's preferences for them, which several recommenders use."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from typing import Any, NamedTuple

import numpy as np

from recommendations.offer import OWN_ODD, Column, Dictionary, MemoKey, Offer
from recommendations.offer.arrays import Codes, Floats, Floats32, Places
from recommendations.tallies.packed_tallies import TALLIED
from recommendations.tallies.selections import BAND_BOUNDS
from recommendations.tallies.trends import Trends

from .base import BettingProfile, ScoringContext

Owners = np.ndarray[Any, np.dtype[np.int8]]  # indices of attributes

USUAL_ODDS = "usual odds"  # component
_FEW_BETS = 10.0  # added to the user's number of bets, the denominator of a team's share
BETS_OF_OTHERS = 30.0  # bets near the same odds, added to the user's own
_WIDTH = 0.25  # standard deviation, in logarithms of odds
_BOUNDS = np.array([1.0, *BAND_BOUNDS, 2 * BAND_BOUNDS[-1]])
_MIDDLES = np.log(_BOUNDS[:-1] * _BOUNDS[1:]) / 2
BAND_KERNEL = np.exp(-0.5 * ((_MIDDLES[:, np.newaxis] - _MIDDLES) / _WIDTH) ** 2)  # (bands, bands)
_OWNERS = np.arange(len(TALLIED), dtype=np.int8)
_HOME, _AWAY, _BANDS = (TALLIED.index(name) for name in ("home_team", "away_team", "odds_band"))

_NO_BANDS: Dictionary[str] = Dictionary()
BANDS = _NO_BANDS.including(str(band) for band in range(len(BAND_BOUNDS) + 1))
_ODDS_BAND = MemoKey[Column[str]]("odds_band")


def column_of(offer: Offer, attribute: str) -> Column[Any]:
    """The offer's column of an attribute, including `odds_band`."""
    if attribute != "odds_band":
        column: Column[Any] = getattr(offer, attribute)
        return column
    cached = offer.memo.get(_ODDS_BAND)
    if cached is None:
        codes = np.digitize(offer.odds, BAND_BOUNDS).astype(np.int32)
        cached = offer.memo.keep(_ODDS_BAND, Column(codes, BANDS))
    return cached


@dataclass(frozen=True, slots=True, eq=False)
class TalliedValues:
    """The offer's columns of `TALLIED`. Numbers of all their values are in one row, those of `columns[i]` from
    `starts[i]` on."""

    columns: tuple[Column[Any], ...]
    dictionaries: list[Dictionary[Any]]
    starts: list[int]

    def tables(self, row: Floats) -> Iterator[tuple[Codes, Floats]]:
        """Yield each column's codes and its part of the row."""
        for column, start in zip(self.columns, self.starts, strict=True):
            yield column.codes, row[start:]


_VALUES = MemoKey[TalliedValues]("tallied values")
_RATES = MemoKey[tuple[Trends, Floats]]("rates of values")


def tallied_values(offer: Offer) -> TalliedValues:
    """The columns of the offer, cached with it."""
    values = offer.memo.get(_VALUES)
    if values is None:
        columns = tuple(column_of(offer, name) for name in TALLIED)
        starts = [*accumulate((len(column.values) for column in columns), initial=0)][:-1]
        values = offer.memo.keep(_VALUES, TalliedValues(columns, [each.dictionary for each in columns], starts))
    return values


def rates_of_values(context: ScoringContext) -> Floats:
    """The share of each of the `tallied_values` in all selections of its attribute, shape (values,). Cached with the
    offer for the same trends."""
    trends, memo = context.trends, context.offer.memo
    cached = memo.get(_RATES)
    if cached is None or cached[0] is not trends:
        columns = zip(TALLIED, tallied_values(context.offer).columns, strict=True)
        cached = memo.keep(_RATES, (trends, np.concatenate([trends.base_rates(*each) for each in columns])))
    return cached[1]


class UserValues(NamedTuple):
    """The values of a user's tallies that are in an offer's dictionaries. `owners` (v,): indices of their attributes in
    `TALLIED`; `codes` (v,): places in the row of all values; `numbers` (2, v): decayed numbers of selections, and
    shares in all selections of the attribute. `team_codes`, `team_shares` (t,): teams on either side, with the user's
    share of bets on them. `near_bands` (bands,): the bets near each band of odds. `are_any`: the user has any values,
    also others."""

    owners: Owners
    codes: Codes
    numbers: Floats
    team_codes: Codes
    team_shares: Floats32
    near_bands: Floats
    are_any: bool


def values_of_user(context: ScoringContext) -> UserValues:
    """The user's values, cached for the same tallies and dictionaries."""
    return context.profile.keep("values", tallied_values(context.offer).dictionaries, _compute)


def _compute(profile: BettingProfile, dictionaries: list[Dictionary[Any]]) -> UserValues:
    counts = [profile.counts.get(name) or {} for name in TALLIED]
    weights = [profile.weights.get(name) or {} for name in TALLIED]
    names = [own or other for own, other in zip(counts, weights, strict=True)]
    owners = np.repeat(_OWNERS, [len(each) for each in names])
    found = (dictionary.places.find(own) for dictionary, own in zip(dictionaries, names, strict=True))
    codes = np.fromiter(chain.from_iterable(found), np.intp, owners.size)
    sizes = np.array([len(each.values) for each in dictionaries])
    starts, sides = np.cumsum(sizes) - sizes, [_HOME, _AWAY]
    is_known = codes < sizes[owners]
    weighed = np.fromiter(_look_up(weights, names, 0.0), np.float64, owners.size)[is_known]
    counted = np.fromiter(_look_up(counts, names, 0), np.float64, owners.size)[is_known]
    owners, codes = owners[is_known], codes[is_known]
    codes += starts[owners]
    totals = np.array([max(sum(each.values()), 1) for each in counts], dtype=np.float64)
    return UserValues(
        owners,
        codes.astype(np.int32),
        np.array([weighed, counted / totals[owners]]),
        *_shares_of_teams(counts[_HOME], counts[_AWAY], [dictionaries[side] for side in sides], starts[sides]),
        _bets_near_bands(counts[_BANDS]),
        any(weights),
    )


def _look_up(mappings: Iterable[Any], names: Iterable[Iterable[str]], default: float) -> Iterator[Any]:
    """The entries of the names in each mapping, one mapping after the other."""
    return chain.from_iterable(map(each.get, own, repeat(default)) for each, own in zip(mappings, names, strict=True))


def _shares_of_teams(
    home: Mapping[str, float], away: Mapping[str, float], sides: Sequence[Dictionary[str]], starts: Places
) -> tuple[Codes, Floats32]:
    """The shares of the user's bets on each team, at home or away, shrunk for few bets. `home`, `away`: numbers of
    bets. Returns the codes of the teams in the dictionaries of both `sides`, plus each side's start in `starts` (2,),
    and the shares, both (t,)."""
    bets = dict(home)
    for team, number in away.items():
        bets[team] = bets.get(team, 0) + number
    found = chain.from_iterable(side.places.find(bets) for side in sides)
    codes = np.fromiter(found, np.int32, 2 * len(bets)).reshape(2, len(bets))
    is_known = codes < [[len(side.values)] for side in sides]
    shares = np.fromiter(bets.values(), np.float64, len(bets)) / (sum(home.values()) + _FEW_BETS)
    shares_of_both = np.broadcast_to(shares.astype(np.float32), codes.shape)  # float32: they are cached
    return (codes + starts[:, np.newaxis].astype(np.int32))[is_known], shares_of_both[is_known]


def _bets_near_bands(counts: Mapping[str, float]) -> Floats:
    """The number of the user's bets near each band of odds, shape (bands,)."""
    near: Floats = BAND_KERNEL @ np.array([counts.get(str(band), 0) for band in range(len(BAND_KERNEL))], np.float64)
    return near


def sentences_of_usual_odds(context: ScoringContext, place: int) -> list[str]:
    """The reason if most of the user's bets were in the band of the event's own odd or a neighbouring band. None for an
    event that is priced by markets, for which another odd is shown."""
    offer, counts = context.offer, context.profile.counts.get("odds_band") or {}
    has_own_odd = offer.offered_by is None or offer.offered_by[place] == OWN_ODD
    if not has_own_odd or not offer.odds[place] < _BOUNDS[-1]:
        return []
    band = column_of(offer, "odds_band").codes[place]
    near = sum(counts.get(str(each), 0) for each in (band - 1, band, band + 1))
    return ["Odds like those of most of your bets"] if 2 * near > sum(counts.values()) else []
