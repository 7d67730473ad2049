"""`neighbours`: what is bet on by those who bet on the same as the user."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from math import log1p
from typing import Any

import msgspec
import numpy as np

from recommendations.offer import Column, Offer
from recommendations.offer.arrays import Codes, Floats, Floats32, add_entries

from .base import Profile, ProfilePart, Recommender, Scores, ScoringContext, soonest_first
from .profile import column_of

REGULARISATION = 20.0
MAX_TOKENS = 1_000
NEIGHBOURS_KEPT = 50

# Tokens outlive events. A team is the same at home and away.
_KINDS = {"home_team": "team", "away_team": "team", "league": "league", "sport": "sport", "odds_band": "odds"}
_LEAST_USERS = 3
_ROWS_AT_ONCE = 4_096


class _Kept(msgspec.Struct, array_like=True):
    tokens: list[str]
    width: int
    neighbours: bytes
    weights: bytes


@dataclass(frozen=True, slots=True)
class Model:
    """For each of T tokens the K others that it speaks for most: `neighbours` int32 and `weights` float32, (T, K)."""

    tokens: tuple[str, ...]
    neighbours: Codes
    weights: Floats32
    places: Mapping[str, int] = field(default_factory=dict, compare=False)
    aligned: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, tokens: Sequence[str], neighbours: Any, weights: Any) -> "Model":
        return cls(tuple(tokens), neighbours, weights, {token: place for place, token in enumerate(tokens)})

    def encode(self) -> bytes:
        width = self.neighbours.shape[1]
        kept = _Kept(list(self.tokens), width, self.neighbours.tobytes(), self.weights.tobytes())
        return msgspec.msgpack.encode(kept)

    @classmethod
    def decode(cls, encoded: bytes) -> "Model":
        kept = msgspec.msgpack.decode(encoded, type=_Kept)
        shape = len(kept.tokens), kept.width
        return cls.of(
            kept.tokens,
            np.frombuffer(kept.neighbours, dtype=np.int32).reshape(shape),
            np.frombuffer(kept.weights, dtype=np.float32).reshape(shape),
        )

    def values(self, column: Column[Any], attribute: str) -> Any:
        """The token of each of the attribute's values, shape (values,); T for one that is no token."""
        kept = self.aligned.get(attribute, (None, None))
        if kept[0] is not column.values:
            kind = _KINDS[attribute]
            places = [self.places.get(f"{kind}:{value}", len(self.tokens)) for value in column.values]
            kept = self.aligned[attribute] = (column.values, np.array(places, dtype=np.intp))
        return kept[1]

    def values_of_all(self, columns: Sequence[Column[Any]], attributes: Sequence[str]) -> Any:
        """The same of many attributes, one after the other; T for those of attributes that have no tokens."""
        kept = self.aligned.get("all")
        key = [column.values for column in columns]
        if kept is None or any(own is not other for own, other in zip(kept[0], key, strict=True)):
            named = zip(columns, attributes, strict=True)
            parts = [
                self.values(column, name) if name in _KINDS else np.full(len(column.values), len(self.tokens))
                for column, name in named
            ]
            kept = self.aligned["all"] = (key, np.concatenate(parts).astype(np.intp))
        return kept[1]


class Neighbours(Recommender):
    """EASE (Steck, WWW 2019) over tokens (teams, leagues, sports, bands of odds) instead of events, which expire: an
    event's score is the mean of its tokens' scores, x B, x being the logarithms of the user's decayed tallies."""

    name = "neighbours"
    needs = frozenset({ProfilePart.TALLIES})

    def applies(self, context: ScoringContext) -> bool:
        model: Model | None = context.models.get(self.name)
        return model is not None and any(token in model.places for token in _tokens_in(context))

    def score(self, context: ScoringContext) -> Scores:
        scores = soonest_first(context.offer).copy()
        if (found := scores_of_tokens(context)) is not None:
            model, of_tokens = found
            columns = [(attribute, column_of(context.offer, attribute)) for attribute in _KINDS]
            add_entries(scores, ((column.codes, of_tokens[model.values(column, name)]) for name, column in columns))
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        model: Model | None = context.models.get(self.name)
        if model is None:
            return []
        of_tokens = _score_tokens(model, _tokens_in(context))
        found = [(float(of_tokens[model.places.get(token, -1)]), token) for token in _of_event(context.offer, place)]
        token = next((token for score, token in sorted(found[:2], reverse=True) + found[2:] if score > 0), None)
        return [f"Users who bet as you do bet on {token.partition(':')[2]}"] if token is not None else []


def scores_of_tokens(context: ScoringContext) -> tuple[Model, Scores] | None:
    """The model, and what each of its tokens adds to an event's score, shape (T + 1,); None without a model."""
    model: Model | None = context.models.get(Neighbours.name)
    return None if model is None else (model, _score_tokens(model, _tokens_in(context)) / len(_KINDS))


def tokens_of(profile: Profile) -> dict[str, float]:
    """Token -> the logarithm of one and the user's decayed number of selections."""
    numbers: dict[str, float] = {}
    for attribute, kind in _KINDS.items():
        for value, weight in profile.weights.get(attribute, {}).items():
            token = f"{kind}:{value}"
            numbers[token] = numbers.get(token, 0.0) + weight
    return {token: log1p(number) for token, number in numbers.items()}


def _tokens_in(context: ScoringContext) -> Mapping[str, float]:
    if "tokens" not in context.kept:
        context.kept["tokens"] = tokens_of(context.profile)
    tokens: Mapping[str, float] = context.kept["tokens"]
    return tokens


def _score_tokens(model: Model, tokens: Mapping[str, float]) -> Scores:
    """The score of each token, shape (T + 1,); the last is of what is no token."""
    places = np.fromiter(map(model.places.get, tokens, repeat(-1)), np.intp, len(tokens))
    is_known = places >= 0
    places = places[is_known]
    numbers = np.fromiter(tokens.values(), np.float64, len(tokens))[is_known]
    weights = model.weights[places] * numbers[:, np.newaxis]
    scores = np.bincount(model.neighbours[places].ravel(), weights.ravel(), minlength=len(model.tokens) + 1)
    return scores.astype(np.float64, copy=False)


def _of_event(offer: Offer, place: int) -> list[str]:
    """The tokens of an event that tell a user something: its teams, then its league."""
    return [f"{_KINDS[name]}:{getattr(offer, name)[place]}" for name in ("home_team", "away_team", "league")]


def fit(users: Iterable[Mapping[str, float]]) -> Model | None:
    """Fit to the tokens of users, as `tokens_of` gives them; None if no two users share enough to learn from.

    B = I - P diag(1 / diag P), P the inverse of X'X + lambda I; of each row the largest by amount are kept.
    """
    rows = list(users)
    of_users = Counter(token for row in rows for token in row)
    tokens = sorted(
        (token for token, number in of_users.items() if number >= _LEAST_USERS),
        key=lambda token: (-of_users[token], token),
    )[:MAX_TOKENS]
    if len(tokens) < 2:
        return None
    weights = _ease(_gram(rows, {token: place for place, token in enumerate(tokens)}))
    width = min(NEIGHBOURS_KEPT, len(tokens))
    kept = np.argsort(-np.abs(weights), axis=1, kind="stable")[:, :width]
    return Model.of(tokens, kept.astype(np.int32), np.take_along_axis(weights, kept, axis=1).astype(np.float32))


def _gram(rows: Sequence[Mapping[str, float]], places: Mapping[str, int]) -> Floats:
    """X'X of the users' rows, shape (T, T)."""
    gram = np.zeros((len(places), len(places)))
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        batch = rows[begin : begin + _ROWS_AT_ONCE]
        matrix = np.zeros((len(batch), len(places)))
        for number, row in enumerate(batch):
            for token, value in row.items():
                if (place := places.get(token)) is not None:
                    matrix[number, place] = value
        gram += matrix.T @ matrix
    return gram


def _ease(gram: Floats) -> Floats:
    inverse = np.linalg.inv(gram + REGULARISATION * np.eye(len(gram)))
    weights: Floats = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights
