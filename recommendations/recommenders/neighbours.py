"""`neighbours`: item-based collaborative filtering over teams, leagues, sports and bands of odds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from math import log1p
from operator import is_
from typing import Any, ClassVar

import msgspec
import numpy as np

from recommendations.offer import Dictionary, Memo, MemoKey
from recommendations.offer.arrays import Codes, Floats, Floats32, Places, add_entries
from recommendations.tallies.packed_tallies import TALLIED
from recommendations.validation.identity import name_of

from .base import (
    MAX_NUMBER,
    BettingProfile,
    ProfilePart,
    Recommender,
    Scores,
    ScoringContext,
    StoredModel,
    require,
    soonest_first,
)
from .user_values import tallied_values

REGULARISATION = 20.0
MAX_TOKENS = 1_000
MAX_NEIGHBOURS = 50

# Tokens outlive events. A team has the same token at home and away.
_KINDS = {"home_team": "team", "away_team": "team", "league": "league", "sport": "sport", "odds_band": "odds"}
_LEAST_USERS = 3
_BATCH_ROWS = 4_096


_TOKENS_OF_VALUES = MemoKey[tuple[list[Dictionary[Any]], Places]]("tokens of values")


class StoredNeighboursModel(msgspec.Struct, array_like=True):
    tokens: list[str]
    width: int
    neighbours: bytes
    weights: bytes


@dataclass(frozen=True, slots=True, weakref_slot=True)
class NeighboursModel:
    """For each of T tokens the K most related ones: `neighbours` int32 and `weights` float32, (T, K). `places`: kind of
    token -> value -> place."""

    tokens: tuple[str, ...]
    neighbours: Codes
    weights: Floats32
    places: Mapping[str, Mapping[str, int]] = field(default_factory=dict, compare=False)
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)

    @classmethod
    def of(cls, tokens: Sequence[str], neighbours: Any, weights: Any) -> "NeighboursModel":
        places: dict[str, dict[str, int]] = {kind: {} for kind in _KINDS.values()}
        for place, token in enumerate(tokens):
            kind, _, value = token.partition(":")
            places.setdefault(kind, {})[value] = place
        return cls(tuple(tokens), neighbours, weights, places)

    def encode(self) -> bytes:
        width = self.neighbours.shape[1]
        stored = StoredNeighboursModel(list(self.tokens), width, self.neighbours.tobytes(), self.weights.tobytes())
        return msgspec.msgpack.encode(stored)

    @classmethod
    def decode(cls, encoded: bytes) -> "NeighboursModel":
        stored = msgspec.msgpack.decode(encoded, type=StoredNeighboursModel)
        shape = count, width = len(stored.tokens), stored.width
        require(count <= MAX_TOKENS and 0 <= width <= MAX_NEIGHBOURS, f"the model has a size of {count} x {width}")
        neighbours = np.frombuffer(stored.neighbours, dtype=np.int32).reshape(shape)
        weights = np.frombuffer(stored.weights, dtype=np.float32).reshape(shape)
        require(np.all((neighbours >= 0) & (neighbours < count)), "neighbours are out of range")
        require(np.all(np.abs(weights) <= MAX_NUMBER), "weights are out of range")
        return cls.of(stored.tokens, neighbours, weights)

    def tokens_of_values(self, dictionaries: list[Dictionary[Any]]) -> Places:
        """The token of each value of the dictionaries of `TALLIED`, one after the other; T for a value without a token.
        Cached for the latest dictionaries."""
        cached = self.memo.get(_TOKENS_OF_VALUES)
        if cached is not None and len(cached[0]) == len(dictionaries) and all(map(is_, cached[0], dictionaries)):
            return cached[1]
        tables = [self._tokens_of(attribute, each) for attribute, each in zip(TALLIED, dictionaries, strict=True)]
        return self.memo.keep(_TOKENS_OF_VALUES, (dictionaries, np.concatenate(tables)))[1]

    def _tokens_of(self, attribute: str, dictionary: Dictionary[Any]) -> Places:
        tokens = np.full(len(dictionary.values), len(self.tokens), dtype=np.intp)
        known = self.places.get(_KINDS.get(attribute, ""), {})  # few tokens; an offer has up to a million values
        for value, number in known.items():
            if (place := dictionary.places.get(value)) is not None:
                tokens[place] = number
        return tokens


class Neighbours(Recommender):
    """EASE (Steck, WWW 2019) over tokens (teams, leagues, sports, bands of odds) instead of events, which expire. An
    event's score is the mean of its tokens' scores, x B, with x the logarithms of the user's decayed tallies."""

    name = "neighbours"
    needs = frozenset({ProfilePart.TALLIES})
    model_types: ClassVar[Mapping[str, type[StoredModel]]] = {"neighbours": NeighboursModel}

    def applies(self, context: ScoringContext) -> bool:
        model = context.models.get(NeighboursModel)
        return model is not None and bool(context.profile.keep("tokens", [model], _known_tokens)[0].size)

    def score(self, context: ScoringContext) -> Scores:
        scores = soonest_first(context.offer).copy()
        if (found := token_scores(context)) is not None:
            (model, by_token), values = found, tallied_values(context.offer)
            by_value = by_token.take(model.tokens_of_values(values.dictionaries))
            named = zip(TALLIED, values.tables(by_value), strict=True)
            add_entries(scores, (table for name, table in named if name in _KINDS))
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        token = best_token(context, place)
        return [] if token is None else [f"Popular with bettors like you: {name_of(token)}"]


def best_token(context: ScoringContext, place: int) -> str | None:
    """The key of the event's team or league that raises its score most; None if none does."""
    found = token_scores(context)
    if found is None:
        return None
    model, by_token = found
    values = [(name, getattr(context.offer, name)[place]) for name in ("home_team", "away_team", "league")]
    # a team is more specific than a league: first the better team, then the league
    *teams, league = [(float(by_token[model.places[_KINDS[name]].get(value, -1)]), value) for name, value in values]
    return next((value for score, value in [*sorted(teams, reverse=True), league] if score > 0), None)


def token_scores(context: ScoringContext) -> tuple[NeighboursModel, Scores] | None:
    """The model, and each token's contribution to an event's score, shape (T + 1,), with 0 for unknown values at the
    end; None without a model."""
    model = context.models.get(NeighboursModel)
    if model is None:
        return None
    places, numbers = context.profile.keep("tokens", [model], _known_tokens)
    weights = model.weights.take(places, axis=0) * numbers[:, np.newaxis]
    scores = np.bincount(
        model.neighbours.take(places, axis=0).ravel(), weights.ravel(), minlength=len(model.tokens) + 1
    )
    return model, scores.astype(np.float64, copy=False) / len(_KINDS)


def _known_tokens(profile: BettingProfile, models: list[NeighboursModel]) -> tuple[Codes, Floats]:
    """The places in the model of the profile's tokens, and their numbers (see `tokens_of`)."""
    numbers: dict[int, float] = {}
    for attribute, kind in _KINDS.items():
        tally = profile.weights.get(attribute, {})
        for place, weight in zip(map(models[0].places[kind].get, tally, repeat(-1)), tally.values(), strict=True):
            numbers[place] = numbers.get(place, 0.0) + weight
    numbers.pop(-1, None)  # of values without a token
    return (
        np.fromiter(numbers, np.int32, len(numbers)),
        np.fromiter(map(log1p, numbers.values()), np.float64, len(numbers)),
    )


def tokens_of(profile: BettingProfile) -> dict[str, float]:
    """Token -> log(1 + the user's decayed number of selections)."""
    numbers: dict[str, float] = {}
    for attribute, kind in _KINDS.items():
        for value, weight in profile.weights.get(attribute, {}).items():
            token = f"{kind}:{value}"
            numbers[token] = numbers.get(token, 0.0) + weight
    return {token: log1p(number) for token, number in numbers.items()}


def fit(users: Iterable[Mapping[str, float]]) -> NeighboursModel | None:
    """Fit a model to users' tokens (results of `tokens_of`). Returns None if no two tokens have enough users.

    B = I - P diag(1 / diag P), P the inverse of X'X + lambda I. The largest absolute values of each row are stored.
    """
    rows = list(users)
    user_counts = Counter(token for row in rows for token in row)
    tokens = sorted(
        (token for token, number in user_counts.items() if number >= _LEAST_USERS),
        key=lambda token: (-user_counts[token], token),
    )[:MAX_TOKENS]
    if len(tokens) < 2:
        return None
    weights = _ease_weights(_gram_matrix(rows, {token: place for place, token in enumerate(tokens)}))
    width = min(MAX_NEIGHBOURS, len(tokens))
    largest = np.argsort(-np.abs(weights), axis=1, kind="stable")[:, :width]
    return NeighboursModel.of(
        tokens, largest.astype(np.int32), np.take_along_axis(weights, largest, axis=1).astype(np.float32)
    )


def _gram_matrix(rows: Sequence[Mapping[str, float]], places: Mapping[str, int]) -> Floats:
    """X'X of the users' rows, shape (T, T)."""
    gram = np.zeros((len(places), len(places)))
    for begin in range(0, len(rows), _BATCH_ROWS):
        batch = rows[begin : begin + _BATCH_ROWS]
        matrix = np.zeros((len(batch), len(places)))
        for number, row in enumerate(batch):
            for token, value in row.items():
                if (place := places.get(token)) is not None:
                    matrix[number, place] = value
        gram += matrix.T @ matrix
    return gram


def _ease_weights(gram: Floats) -> Floats:
    inverse = np.linalg.inv(gram + REGULARISATION * np.eye(len(gram)))
    weights: Floats = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights
