"""Fitted models in memory: those of the version that the database serves at present, read when it changes."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

import msgspec
import numpy as np
from cachetools import LRUCache

from recommendations.models import FittedModel
from recommendations.recommenders import hybrid, neighbours
from recommendations.recommenders.hybrid_features.user_vectors import UserVectors
from tenants.routing.connections import casino_atomic, casino_connection, current_alias

from .live_co_bettors import LiveCoBettors

logger = logging.getLogger(__name__)

CAPACITY = 64

# For the select list of any query.
MODEL_VERSION = "(SELECT max(version) FROM fitted_models WHERE is_served)"

_TOGETHER = ("hybrid", "tastes")  # the weights are of how alike the user vectors are
_KEPT = 5  # versions, besides those that serve
_DECODE: dict[str, Callable[[bytes], Any]] = {
    "neighbours": neighbours.Model.decode,
    "tastes": UserVectors.decode,
    "hybrid": hybrid.Model.decode,
}
# What decoding raises for bytes that are damaged, or another release's: numpy's errors are the latter two.
_UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError)


class Served(TypedDict):
    models: dict[str, Any]
    model_version: str


NOTHING: Served = {"models": {}, "model_version": ""}


class Models:
    """The models of the casinos asked for last. Safe under threads: what was fitted never changes."""

    def __init__(self, capacity: int) -> None:
        self._kept: LRUCache[str, tuple[int, Served]] = LRUCache(capacity)
        self._guard = threading.Lock()

    def at(self, version: int | None, now: datetime) -> Served:
        """The current casino's models as of this version, with the co-bettors as of about `now`."""
        if version is None:
            return NOTHING
        served = self._of(version)
        co_bettors: LiveCoBettors | None = served["models"].get("live co-bettors")
        if co_bettors is None:
            return served
        return {**served, "models": {**served["models"], "co_bettors": co_bettors.at(now)}}

    def _of(self, version: int) -> Served:
        alias = current_alias()
        with self._guard:
            kept = self._kept.get(alias)
        if kept is not None and kept[0] == version:
            return kept[1]
        served = _read(version)
        with self._guard:
            self._kept[alias] = version, served
        return served

    def clear(self) -> None:
        """Forget all: for tests, whose databases change back."""
        with self._guard:
            self._kept.clear()


models = Models(CAPACITY)


def _read(version: int) -> Served:
    """The models of this version, or of the next that serves: one that a user was taken out of has got a new number."""
    rows = FittedModel.objects.filter(is_served=True, version__gte=version).order_by("version", "recommender")
    of_first = [row for row in rows if row.version == rows[0].version]
    found = {row.recommender: decoded(row) for row in of_first if row.recommender in _DECODE}
    readable = {name: model for name, model in found.items() if model is not None}
    if "tastes" in readable:
        readable["live co-bettors"] = LiveCoBettors(readable["tastes"])
    return {"models": readable, "model_version": str(rows[0].version if rows else version)}


def decoded(row: FittedModel) -> Any:
    """The model; None for one that can't be read, without which the casino is served until it is fitted anew."""
    try:
        return _DECODE[row.recommender](bytes(row.fitted))
    except _UNREADABLE as error:
        logger.warning("The model %s of %s can't be read, so is not served: %s", row, current_alias(), error)
        return None


@dataclass(frozen=True, slots=True)
class Fitting:
    """What models were fitted to: so many coupons of between `since` and `until`; `scores` of kinds of models."""

    coupons: int
    since: datetime | None = None
    until: datetime | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)


def store_models(fitted: Iterable[tuple[str, bytes]], fitting: Fitting, *, is_served: bool = True) -> int:
    """Keep models of the current casino, (recommender, encoded) each, to be served from now on if they are to be, and
    answer their version. Without a `hybrid` among them, the one that serves goes on serving with them."""
    with casino_atomic():
        lock_models()
        version = next_version()
        rows = [
            FittedModel(
                version=version,
                recommender=name,
                fitted=_of_present_users(encoded) if name == "tastes" else encoded,
                coupons=fitting.coupons,
                since=fitting.since,
                until=fitting.until,
                scores=dict(fitting.scores),
                is_served=is_served,
            )
            for name, encoded in fitted
        ]
        if "hybrid" not in {row.recommender for row in rows}:
            rows += _carried_over(version, is_served)
        FittedModel.objects.bulk_create(rows)
        _prune()
    return version


def lock_models() -> None:
    """Until the transaction's end nobody else stores models or takes a user out of them; they are read as ever."""
    with casino_connection().cursor() as cursor:
        cursor.execute("LOCK TABLE fitted_models IN SHARE ROW EXCLUSIVE MODE")


def next_version() -> int:
    return 1 + (FittedModel.objects.order_by("-version").values_list("version", flat=True).first() or 0)


def _of_present_users(encoded: bytes) -> bytes:
    """Without those who were erased while this was being fitted."""
    user_vectors = UserVectors.decode(encoded)
    with casino_connection().cursor() as cursor:
        cursor.execute("SELECT id FROM users WHERE id = ANY(%s)", [user_vectors.user_ids.tolist()])
        present = [user_id for (user_id,) in cursor.fetchall()]
    return user_vectors.only(np.isin(user_vectors.user_ids, present)).encode()


def _carried_over(version: int, is_served: bool) -> Iterator[FittedModel]:
    """The `hybrid` that serves, as of this version, and the user vectors that it was fitted with; if it can be read."""
    if present_model() is None:
        return
    for row in FittedModel.objects.filter(version=served_version(), recommender__in=_TOGETHER):
        row.pk, row.version, row.is_served = None, version, is_served
        yield row


def served_version() -> int:
    """0 where none serves."""
    served = FittedModel.objects.filter(is_served=True).order_by("-version").values_list("version", flat=True)
    return served.first() or 0


def _prune() -> None:
    """What serves stays, with the one before, which may still be being read."""
    versions = FittedModel.objects.order_by("-version").values_list("version", flat=True).distinct()
    kept = {*versions[:_KEPT], *versions.filter(is_served=True)[:2]}
    FittedModel.objects.exclude(version__in=kept).delete()


def present_model() -> tuple[hybrid.Model, datetime | None] | None:
    """The `hybrid` that the current casino serves, and until when the coupons are that it was fitted to; None if it
    serves the default, as it does too where its own can't be read."""
    found = FittedModel.objects.filter(version=served_version(), recommender="hybrid").first()
    model = decoded(found) if found is not None else None
    return None if found is None or model is None else (model, found.until)
