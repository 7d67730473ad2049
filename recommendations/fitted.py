"""Fitted models in memory: those of the version that the database serves at present, read when it changes."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from tenants.connections import casino_atomic, casino_connection, current_alias

from .crowd_cache import LiveCrowds
from .models import FittedModel
from .recommenders import hybrid, neighbours
from .recommenders.tastes import Tastes

logger = logging.getLogger(__name__)

CAPACITY = 64

# For the select list of any query.
MODEL_VERSION = "(SELECT max(version) FROM fitted_models WHERE is_served)"

_TOGETHER = ("hybrid", "tastes")  # the weights are of how alike the tastes are
_KEPT = 5  # versions, besides the one that serves
_DECODE: dict[str, Callable[[bytes], Any]] = {
    "neighbours": neighbours.Model.decode,
    "tastes": Tastes.decode,
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
        self._capacity = capacity
        self._kept: OrderedDict[str, tuple[int, Served]] = OrderedDict()
        self._guard = threading.Lock()

    def at(self, version: int | None, now: datetime) -> Served:
        """The current casino's models as of this version, with the crowds as of about `now`."""
        if version is None:
            return NOTHING
        served = self._of(version)
        crowds: LiveCrowds | None = served["models"].get("live crowds")
        if crowds is None:
            return served
        return {**served, "models": {**served["models"], "crowds": crowds.at(now)}}

    def _of(self, version: int) -> Served:
        alias = current_alias()
        with self._guard:
            kept = self._kept.get(alias)
            if kept is not None and kept[0] == version:
                self._kept.move_to_end(alias)
                return kept[1]
        return self._keep(alias, version, _read(version))

    def clear(self) -> None:
        """Forget all: for tests, whose databases change back."""
        with self._guard:
            self._kept.clear()

    def _keep(self, alias: str, version: int, served: Served) -> Served:
        with self._guard:
            self._kept[alias] = version, served
            self._kept.move_to_end(alias)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return served


models = Models(CAPACITY)


def _read(version: int) -> Served:
    rows = FittedModel.objects.filter(version=version).values_list("recommender", "fitted")
    found = {name: _decoded(version, name, fitted) for name, fitted in rows if name in _DECODE}
    decoded = {name: model for name, model in found.items() if model is not None}
    if "tastes" in decoded:
        decoded["live crowds"] = LiveCrowds(decoded["tastes"])
    return {"models": decoded, "model_version": str(version)}


def _decoded(version: int, name: str, fitted: bytes | memoryview) -> Any:
    """The model; None for one that can't be read, without which the casino is served until it is fitted anew."""
    try:
        return _DECODE[name](bytes(fitted))
    except _UNREADABLE as error:
        logger.warning("%s, version %d, of %s can't be read, so not served: %s", name, version, current_alias(), error)
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
        _lock()
        version = _next_version()
        rows = [
            FittedModel(
                version=version,
                recommender=name,
                fitted=encoded,
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
        _prune(version)
    return version


def _lock() -> None:
    """Until the transaction's end nobody else stores models; they are read as ever."""
    with casino_connection().cursor() as cursor:
        cursor.execute("LOCK TABLE fitted_models IN SHARE ROW EXCLUSIVE MODE")


def _next_version() -> int:
    return 1 + (FittedModel.objects.order_by("-version").values_list("version", flat=True).first() or 0)


def _carried_over(version: int, is_served: bool) -> Iterator[FittedModel]:
    """The `hybrid` that serves, as of this version, and the tastes that it was fitted with; if it can be read."""
    if present_model() is None:
        return
    for row in FittedModel.objects.filter(version=_served_version(), recommender__in=_TOGETHER):
        row.pk, row.version, row.is_served = None, version, is_served
        yield row


def _served_version() -> int | None:
    return FittedModel.objects.filter(is_served=True).order_by("-version").values_list("version", flat=True).first()


def _prune(version: int) -> None:
    """What serves stays, with the one before, which may still be being read."""
    served = FittedModel.objects.filter(is_served=True).order_by("-version").values_list("version", flat=True)
    kept = list(dict.fromkeys(served))[:2]
    FittedModel.objects.filter(version__lte=version - _KEPT).exclude(version__in=kept).delete()


def present_model() -> tuple[hybrid.Model, datetime | None] | None:
    """The `hybrid` that the current casino serves, and until when the coupons are that it was fitted to; None if it
    serves the default, as it does too where its own can't be read."""
    found = FittedModel.objects.filter(version=_served_version(), recommender="hybrid").first()
    model = _decoded(found.version, found.recommender, found.fitted) if found is not None else None
    return None if found is None or model is None else (model, found.until)
