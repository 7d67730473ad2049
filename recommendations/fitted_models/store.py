"""The table `fitted_models`: encoded models by version. Requests use the latest served version."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import numpy as np
from django.db.models import Func, IntegerField, Min, QuerySet

from recommendations.errors import UnreadableModel
from recommendations.models import FittedModel
from recommendations.recommenders.base import FittedModels, StoredModel
from recommendations.recommenders.hybrid import SHARED, HybridModel
from recommendations.recommenders.hybrid_features.user_vectors import UserVectors
from recommendations.recommenders.registry import RECOMMENDERS
from tenants.routing.connections import casino_atomic, casino_connection, current_alias

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=StoredModel)

MODEL_TYPES = {name: kind for each in RECOMMENDERS.values() for name, kind in each.model_types.items()}
# The weights were fitted with these user vectors, and the calibration to slips of these weights.
_DEPENDENT = ("hybrid", "tastes", "calibration")
EMPTY_VERSION = "none"  # the recommender of a version without models
_MAX_VERSIONS = 5  # besides the served ones
_MAX_BYTES = 16 * 2**20  # of an encoded model; those of `fit_models` have up to 2 MB
# The errors of decoding bytes that are damaged or of another release; numpy raises the latter two.
_UNREADABLE = (UnreadableModel, msgspec.MsgspecError, RecursionError, ValueError, ArithmeticError)
_SIZE = Func("fitted", function="octet_length", output_field=IntegerField())
_Rows = QuerySet[FittedModel]


def read_models(version: int) -> tuple[int, FittedModels, int]:
    """The number, the models and the stored bytes of the current casino's served `version`. If the removal of an erased
    user has renumbered it, those of the next served version. The models of an empty version have no version number."""
    served = FittedModel.objects.filter(is_served=True, version__gte=version)
    rows = readable(served).defer("scores").order_by("version", "recommender")
    newest = [row for row in rows if row.version == rows[0].version and row.recommender in MODEL_TYPES]
    decoded = {row.recommender: decode(row, MODEL_TYPES[row.recommender]) for row in newest}
    if decoded.get("hybrid") is None:
        decoded.pop("calibration", None)  # it is valid for that model's slips only
    number = rows[0].version if rows else version
    models = FittedModels(*filter(None, decoded.values()), version=str(number) if newest or not rows else "")
    return number, models, sum(len(row.fitted) for row in newest)


def served_number(version: int | None) -> int | None:
    """The number of the version that `read_models` would read."""
    served = FittedModel.objects.filter(is_served=True, version__gte=version or 0)
    first: int | None = served.aggregate(Min("version"))["version__min"]
    return version if first is None else first


def readable(rows: _Rows) -> _Rows:
    """The rows whose models are small enough to be read. Logs the others, which are not served."""
    for row in rows.alias(size=_SIZE).filter(size__gt=_MAX_BYTES).only("version", "recommender"):
        text = "Model %s of %s has more than %d bytes and is not served; run fit_models"
        logger.warning(text, row, current_alias(), _MAX_BYTES)
    return readable_rows(rows)


def readable_rows(rows: _Rows) -> _Rows:
    return rows.alias(size=_SIZE).filter(size__lte=_MAX_BYTES)


def decode(row: FittedModel, kind: type[M]) -> M | None:
    """The row's model; None for an unreadable one, which is not used until the next fit replaces it."""
    try:
        return kind.decode(bytes(row.fitted))
    except _UNREADABLE as error:
        logger.warning("Model %s of %s is unreadable and not served; run fit_models: %s", row, current_alias(), error)
        return None


@dataclass(frozen=True, slots=True)
class Fitting:
    """The data of a fit: `coupons` between `since` and `until`, and the `scores` of the kinds of models."""

    coupons: int
    since: datetime | None = None
    until: datetime | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)


def store_models(fitted: Iterable[tuple[str, bytes]], fitting: Fitting, *, is_served: bool = True) -> int:
    """Store the current casino's models, pairs of name and encoded model, as a new version, and return its number.
    Without a `hybrid` among them, the casino's own served one is copied into this version."""
    with casino_atomic():
        lock_models()
        version = next_version()
        rows = [
            FittedModel(
                version=version,
                recommender=name,
                fitted=_without_erased_users(encoded) if name == "tastes" else encoded,
                coupons=fitting.coupons,
                since=fitting.since,
                until=fitting.until,
                scores=dict(fitting.scores),
                is_served=is_served,
            )
            for name, encoded in fitted
        ]
        if "hybrid" not in {row.recommender for row in rows}:
            rows += _copied_models(version, is_served)
        FittedModel.objects.bulk_create(rows)
        _prune()
    return version


def lock_models() -> None:
    """Lock the table against writes of other transactions until the end of this one; reads continue."""
    with casino_connection().cursor() as cursor:
        cursor.execute("LOCK TABLE fitted_models IN SHARE ROW EXCLUSIVE MODE")


def next_version() -> int:
    return 1 + (FittedModel.objects.order_by("-version").values_list("version", flat=True).first() or 0)


def _without_erased_users(encoded: bytes) -> bytes:
    """The model without users who were erased during the fit."""
    user_vectors = UserVectors.decode(encoded)
    with casino_connection().cursor() as cursor:
        cursor.execute("SELECT id FROM users WHERE id = ANY(%s)", [user_vectors.user_ids.tolist()])
        present = [user_id for (user_id,) in cursor.fetchall()]
    return user_vectors.only(np.isin(user_vectors.user_ids, present)).encode()


def _copied_models(version: int, is_served: bool) -> Iterator[FittedModel]:
    """The casino's own served `hybrid`, if readable, and the models that belong to it, as rows of this version."""
    if present_model() is None:
        return
    for row in readable(FittedModel.objects.filter(version=served_version(), recommender__in=_DEPENDENT)):
        row.pk, row.version, row.is_served = None, version, is_served
        yield row


def served_version() -> int:
    """The served version; 0 if there is none."""
    served = FittedModel.objects.filter(is_served=True).order_by("-version").values_list("version", flat=True)
    return served.first() or 0


def _prune() -> None:
    """Delete old versions, except the served one and the one before it, which requests may be reading."""
    versions = FittedModel.objects.order_by("-version").values_list("version", flat=True).distinct()
    kept = {*versions[:_MAX_VERSIONS], *versions.filter(is_served=True)[:2]}
    FittedModel.objects.exclude(version__in=kept).delete()


def is_mean_served() -> bool:
    """Whether the mean of other casinos' weights is the current casino's served `hybrid`."""
    return FittedModel.objects.filter(version=served_version(), recommender="hybrid", scores__kind=SHARED).exists()


def present_model() -> tuple[HybridModel, datetime | None] | None:
    """The current casino's own served `hybrid`, and the time of the latest coupon that it was fitted to; None without a
    readable one, and for the mean of other casinos' weights, which a fit replaces without comparing it."""
    if is_mean_served():
        return None
    served = FittedModel.objects.filter(version=served_version(), recommender="hybrid")
    row = readable(served).defer("scores").first()
    model = decode(row, HybridModel) if row is not None else None
    return None if row is None or model is None else (model, row.until)
