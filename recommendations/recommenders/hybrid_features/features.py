"""The features of an event for a user, which `hybrid` weighs. Serving and learning both use this module.

Features of attribute values add up in one table of all values, so that the weighted sum reads each attribute's codes
once. Features that are the same for all users are cached with the offer. Features of single events are cheap.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any
from weakref import ref

import numpy as np

from recommendations.offer import MemoKey
from recommendations.offer.arrays import Codes, Floats, Floats32, Mask, Places, add_entries
from recommendations.recommenders.base import BettingProfile, Scores, ScoringContext
from recommendations.recommenders.neighbours import NeighboursModel, token_scores
from recommendations.recommenders.profile import SMOOTHING
from recommendations.recommenders.user_values import (
    BAND_KERNEL,
    BETS_OF_OTHERS,
    USUAL_ODDS,
    TalliedValues,
    column_of,
    rates_of_values,
    tallied_values,
    values_of_user,
)
from recommendations.tallies.packed_tallies import TALLIED
from recommendations.tallies.trends import Trends
from recommendations.validation.fields import SEPARATOR

from .bet_sequences import SequenceCounts
from .feature import EventFeature, Feature
from .sequence_features import LAST, PAIR_FEATURES, SCALE_FEATURES, pair_numbers
from .user_vectors import CoBettors

_HOUR = 3_600.0
_NOTHING = frozenset({"", SEPARATOR})  # last characters of texts for unknown values
_NEVER = -np.log1p(10 * 365 * 24.0)  # the freshness of an event without bets


def _trend_of(attribute: str, context: ScoringContext) -> Floats:
    return np.log1p(context.trends.of_column(attribute, column_of(context.offer, attribute)))


def _selections(context: ScoringContext) -> Floats:
    return np.log1p(context.trends.counts_of(context.offer))


def _trend(context: ScoringContext) -> Floats:
    return np.log1p(context.trends.of_offer(context.offer))


def _freshness(context: ScoringContext) -> Floats:
    """Minus the logarithm of the hours from the event's latest bet to the casino's; not to now, since bets may be
    late."""
    last_bets = context.trends.last_bet_times_of(context.offer)
    hours = np.maximum(context.trends.last_bet_times.max(initial=0.0) - last_bets, 0.0) / _HOUR
    freshness: Floats = np.where(last_bets > 0, -np.log1p(hours), _NEVER)
    return freshness


def _nearness(context: ScoringContext) -> Floats:
    return -np.log1p(np.maximum(context.offer.begins - context.hour, 0.0) / _HOUR)


def _log_odd(context: ScoringContext) -> Floats:
    return np.log(np.clip(np.nan_to_num(context.offer.odds, nan=1.0), 1.0, 1e6))


VALUE_FEATURES = (
    *(Feature(f"lift of {name}", "profile") for name in TALLIED),
    *(Feature(f"share of {name}", "profile") for name in TALLIED),
    Feature("favourite sport"),
    Feature("own country"),
    Feature("neighbours", "neighbours"),
    *(Feature(f"same {name} as the last", LAST) for name in ("sport", "league", "team")),
    Feature("begin near the last", LAST),
    Feature("share of teams", "profile"),
    Feature("usual odds", USUAL_ODDS),
)
EVENT_FEATURES = (
    *(EventFeature(f"trend of {name}", "trending", partial(_trend_of, name)) for name in TALLIED),
    EventFeature("selections", "trending", _selections),
    EventFeature("trend", "trending", _trend),
    EventFeature("freshness", "trending", _freshness),
    EventFeature("nearness", "soonest", _nearness),
    EventFeature("odd", None, _log_odd),
    *SCALE_FEATURES,
)
_COMPARED = EVENT_FEATURES[len(TALLIED) : -1 - len(SCALE_FEATURES)]
ADDITIVE_FEATURES = (*VALUE_FEATURES, *EVENT_FEATURES, Feature("likeness"), Feature("mean likeness"), *PAIR_FEATURES)
FEATURES = (
    *ADDITIVE_FEATURES,
    *(Feature(f"{each.name} against the best") for each in _COMPARED),
    Feature("likeness against the best"),
    Feature("experience"),
)
ADDITIVE = tuple(feature.name for feature in ADDITIVE_FEATURES)
NAMES = tuple(feature.name for feature in FEATURES)
FINGERPRINT = sha256("\n".join(NAMES).encode()).hexdigest()[:16]  # for models that identify features by place

_SHARES, _SPORT, _COUNTRY, _NEIGHBOURS = len(TALLIED), *range(2 * len(TALLIED), 2 * len(TALLIED) + 3)
_LAST_SPORT, _LAST_LEAGUE, _LAST_TEAM, _LAST_BEGIN, _TEAMS, _USUAL_ODDS = range(_NEIGHBOURS + 1, len(VALUE_FEATURES))
_EVENTS, _LIKENESS = len(VALUE_FEATURES), len(VALUE_FEATURES) + len(EVENT_FEATURES)
_PAIRS = _LIKENESS + 2
_OWNERS = {name: owner for owner, name in enumerate(TALLIED)}
_HOME, _AWAY, _BANDS = (_OWNERS[name] for name in ("home_team", "away_team", "odds_band"))
_COMPARED_ROWS = [EVENT_FEATURES.index(feature) for feature in _COMPARED]


@dataclass(frozen=True, slots=True, eq=False)
class _OfferFeatures:
    """The part that all users share. `rates` (values,): see `rates_of_values`; `surprise`: minus their logarithms.
    `numbers` (event features, n). `best`: the highest of each compared feature among the events with `is_coming`."""

    trends: Trends
    counts: SequenceCounts | None
    hour: float
    values: TalliedValues
    rates: Floats
    surprise: Floats
    numbers: Floats32
    is_coming: Mask
    best: Floats

    @property
    def nbytes(self) -> int:
        return int(self.numbers.nbytes + self.is_coming.nbytes)


_OFFER_FEATURES = MemoKey[_OfferFeatures]("features")
_BEGIN_HOURS = MemoKey[tuple[ref[Floats], Codes, Floats]]("hours of begins")


@dataclass(frozen=True, slots=True, eq=False)
class _EventSums:
    """The weighted sums of event features, shape (n,); equal sums are ordered by the begin."""

    features: _OfferFeatures
    weights: Floats
    scores: Scores

    @property
    def nbytes(self) -> int:
        return int(self.scores.nbytes)


_EVENT_SUMS = MemoKey[_EventSums]("weighted event features")


def _offer_features(context: ScoringContext) -> _OfferFeatures:
    """The part that all users share, cached with the offer for the same trends, counts and hour."""
    cached, counts = context.offer.memo.get(_OFFER_FEATURES), context.models.get(SequenceCounts)
    is_of = cached is not None and cached.trends is context.trends and cached.counts is counts
    if cached is not None and is_of and cached.hour == context.hour:
        return cached
    rates = rates_of_values(context)
    numbers = np.empty((len(EVENT_FEATURES), len(context.offer)), dtype=np.float32)
    for row, feature in enumerate(EVENT_FEATURES):
        numbers[row] = feature.compute(context)
    is_coming = context.offer.begins > context.hour
    best = [np.max(numbers[row], where=is_coming, initial=-np.inf) for row in _COMPARED_ROWS]
    return context.offer.memo.keep(
        _OFFER_FEATURES,
        _OfferFeatures(
            trends=context.trends,
            counts=counts,
            hour=context.hour,
            values=tallied_values(context.offer),
            rates=rates,
            surprise=-np.log(np.minimum(rates, 1.0)),
            numbers=numbers,
            is_coming=is_coming,
            best=np.array(best if is_coming.any() else [0.0] * len(best), dtype=np.float64),
        ),
    )


class _UserValues:
    """The user's preference for each of the offer's values. For values in the user's tallies: `codes`, attributes
    (`owners`), `lifts` (see `profile`), and `shares` in the user's selections times their surprise. For teams on either
    side: codes and shares. `usual_odds`: lifts of the bands of odds by the bets near them. `favourites` (feature,
    attribute, code): from the user's row and last bet. `neighbours`: the model with its tokens' scores, None without a
    model."""

    def __init__(
        self,
        context: ScoringContext,
        offer: _OfferFeatures,
        neighbours: tuple[NeighboursModel, Scores] | None,
        begins: tuple[Codes, Scores] | None,
    ) -> None:
        profile, dictionaries, own = context.profile, offer.values.dictionaries, values_of_user(context)
        self._owners, self._codes, (weights, shares), self._team_codes, self._team_shares, near, _ = own
        self._lifts = np.log1p(weights / (SMOOTHING * offer.rates[self._codes]))
        self._shares = shares * offer.surprise[self._codes]
        self._bands = slice(start := offer.values.starts[_BANDS], start + near.size)
        self._usual_odds = np.log1p(near / (BETS_OF_OTHERS * (BAND_KERNEL @ offer.rates[self._bands])))
        favourites = [(_SPORT, "sport", profile.favorite_sport), (_COUNTRY, "country", profile.country)]
        if (last := profile.sequence.last) is not None:
            teams = {last.home_team, last.away_team}  # a team is the same at home and away
            favourites += [(_LAST_SPORT, "sport", last.sport), (_LAST_LEAGUE, "league", last.league)]
            favourites += [(_LAST_TEAM, side, team) for side in ("home_team", "away_team") for team in teams]
        named = [(row, _OWNERS[attribute], value) for row, attribute, value in favourites]
        self._favourites = [
            (row, owner, place + offer.values.starts[owner])
            for row, owner, value in named
            if value[-1:] not in _NOTHING and (place := dictionaries[owner].places.get(value)) is not None
        ]
        self._neighbours, self._begins, self._offer = neighbours, begins, offer
        if neighbours is not None:
            self._tokens = neighbours[0].tokens_of_values(dictionaries)

    def weighted(self, weights: Floats) -> Iterator[tuple[Codes, Scores]]:
        """The offer's codes of each attribute, and the weighted sum's part of each value."""
        table = np.zeros(self._offer.rates.size)
        lift, share = weights[:_SHARES][self._owners], weights[_SHARES : 2 * _SHARES][self._owners]
        table[self._codes] = lift * self._lifts + share * self._shares
        table[self._team_codes] += weights[_TEAMS] * self._team_shares
        table[self._bands] += weights[_USUAL_ODDS] * self._usual_odds
        for row, _, code in self._favourites:
            table[code] += weights[row]
        if self._neighbours is not None:
            table += (weights[_NEIGHBOURS] * self._neighbours[1]).take(self._tokens, mode="clip")
        yield from self._offer.values.tables(table)
        if self._begins is not None:
            hours, near = self._begins
            yield hours, weights[_LAST_BEGIN] * near

    def at(self, places: Places) -> Floats:
        """The features of the events at these places, shape (features, places)."""
        found = np.zeros((len(VALUE_FEATURES), places.size))
        codes = np.array([column.codes.take(places) for column in self._offer.values.columns], dtype=np.intp)
        codes += np.array(self._offer.values.starts)[:, np.newaxis]
        table = np.zeros(self._offer.rates.size)
        for first, numbers in ((0, self._lifts), (_SHARES, self._shares)):
            table[self._codes] = numbers
            found[first : first + _SHARES] = table[codes]
        table[:] = 0.0
        table[self._team_codes] = self._team_shares
        found[_TEAMS] = table[codes[[_HOME, _AWAY]]].sum(axis=0)
        found[_USUAL_ODDS] = self._usual_odds[codes[_BANDS] - self._bands.start]
        for row, owner, code in self._favourites:
            found[row] += codes[owner] == code
        if self._neighbours is not None:
            found[_NEIGHBOURS] = self._neighbours[1][self._tokens[codes]].sum(axis=0)
        if self._begins is not None:
            hours, near = self._begins
            found[_LAST_BEGIN] = near[hours[places]]
        return found


def _hours_to_last_begin(context: ScoringContext) -> tuple[Codes, Scores] | None:
    """The codes of the hours in which events begin, and minus the logarithm of each hour's distance from the begin of
    the user's last event. None if that event is not in the offer or has begun: a replayed offer has no such event."""
    offer, last = context.offer, context.profile.sequence.last
    place = offer.place_of(last.event_id) if last is not None and last.event_id is not None else None
    if place is None or offer.begins[place] <= context.hour:
        return None
    cached = offer.memo.get(_BEGIN_HOURS)
    if cached is None or cached[0]() is not offer.begins:  # offers of other time zones share the memo
        distinct, inverse = np.unique(offer.begins // _HOUR, return_inverse=True)
        cached = offer.memo.keep(_BEGIN_HOURS, (ref(offer.begins), inverse.astype(np.int32), distinct))
    _, codes, hours = cached
    return codes, -np.log1p(np.abs(hours - hours[codes[place]]))


def _number_of_selections(profile: BettingProfile, _: list[Any]) -> float:
    return float(sum(profile.counts.get("sport", {}).values()))


class Features:
    """The features of every event of a context's offer. They do not refer to the context, whose memo contains them."""

    def __init__(self, context: ScoringContext) -> None:
        self._events, self._profile = context.offer, context.profile
        self._offer = _offer_features(context)
        self._values = _UserValues(context, self._offer, token_scores(context), _hours_to_last_begin(context))
        co_bettors = context.models.get(CoBettors)
        self._likeness = co_bettors.likeness(context.user_id, context.offer) if co_bettors is not None else None
        self._pairs = pair_numbers(context)

    def weighted(self, weights: Floats) -> Scores:
        """The weighted sum of the additive features, shape (n,). `weights` has the shape (features,)."""
        memo = self._events.memo
        cached = memo.get(_EVENT_SUMS)
        if cached is None or cached.features is not self._offer or cached.weights is not weights:
            sums = weights[_EVENTS:_LIKENESS] @ self._offer.numbers - 1e-13 * self._events.begins
            cached = memo.keep(_EVENT_SUMS, _EventSums(self._offer, weights, sums))
        scores = cached.scores.copy()
        add_entries(scores, self._values.weighted(weights[:_EVENTS]))
        if self._likeness is not None:
            total, mean = weights[_LIKENESS : _LIKENESS + 2]
            places = self._likeness.places if self._likeness.places.size < scores.size else slice(None)
            scores[places] += total * self._likeness.total + mean * self._likeness.mean
        if self._pairs is not None:
            scores[self._pairs.places] += weights[_PAIRS : len(ADDITIVE)] @ self._pairs.numbers
        return scores

    def at(self, places: Places) -> Floats:
        """The features of the events at these places, shape (places, features)."""
        found = np.zeros((len(FEATURES), places.size))
        found[:_EVENTS] = self._values.at(places)
        found[_EVENTS:_LIKENESS] = self._offer.numbers[:, places]
        compared = found[len(ADDITIVE) :]
        compared[: len(_COMPARED)] = found[_EVENTS:][_COMPARED_ROWS] - self._offer.best[:, np.newaxis]
        if self._likeness is not None:
            found[_LIKENESS], found[_LIKENESS + 1] = self._likeness.at(places)
            compared[-2] = found[_LIKENESS] - self._likeness.best_of(self._offer.is_coming)
        if self._pairs is not None:
            found[_PAIRS : len(ADDITIVE)] = self._pairs.at(places)
        compared[-1] = np.log1p(self._profile.keep("selections", [], _number_of_selections))
        return found.T
