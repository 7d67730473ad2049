"""The current casino's served `hybrid` in figures: what it was fitted to, and the weights from which it started."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models.fields.json import KT

from recommendations.models import FittedModel
from recommendations.recommenders.hybrid import DEFAULT, FITTED_KINDS, SHARED, SINGLE

from .store import of_readable_size


@dataclass(frozen=True, slots=True)
class ServedHybrid:
    """Of this `version`, fitted to `coupons` coupons. `start`: a sentence on the weights from which it started; empty
    for a model of a release that did not store them."""

    version: int
    fitted_at: datetime
    coupons: int
    start: str


def served_hybrid() -> ServedHybrid | None:
    """None for a casino whose served version has no `hybrid` of readable size: it has the default weights. One
    query, which reads nothing of the model but its numbers."""
    served = FittedModel.objects.filter(is_served=True).order_by("-version").values("version")[:1]
    found = FittedModel.objects.filter(version=served, recommender="hybrid")
    named = [KT(f"scores__{name}") for name in ("kind", "start")]
    row = of_readable_size(found).values_list("version", "fitted_at", "coupons", *named).first()
    if row is None:
        return None
    version, fitted_at, coupons, *chosen = row
    return ServedHybrid(version, fitted_at, coupons, start_of(*chosen))


def start_of(kind: str | None, start: str | None, casinos: int | None = None) -> str:
    """A sentence on the weights from which a `hybrid` of this `kind` started: those of the kind `start`, the mean of
    other casinos' perhaps. The number of these, `casinos`, is for operators alone: it tells a casino's staff who else
    is in the installation. Empty for kinds of other releases."""
    if kind in SINGLE:
        return f"Has the weights of {kind} alone"
    if kind not in (*FITTED_KINDS, DEFAULT, SHARED) or start not in (DEFAULT, SHARED):
        return ""
    if start == DEFAULT:
        return "Starts from the default weights"
    return f"Starts from the mean of the weights that {casinos or 'other'} casinos share"
