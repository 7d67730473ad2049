"""Statistics of the current casino's served `hybrid`: the coupons of its fit, and its initial weights."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models.fields.json import KT

from recommendations.models import FittedModel
from recommendations.recommenders.hybrid import DEFAULT, FITTED_KINDS, SHARED, SINGLE

from .store import readable_rows


@dataclass(frozen=True, slots=True)
class ServedHybrid:
    """The served `hybrid` of `version`, fitted to `coupons` coupons. `start` is a sentence on its initial weights;
    it is empty for a model of a release that did not store them."""

    version: int
    fitted_at: datetime
    coupons: int
    start: str


def served_hybrid() -> ServedHybrid | None:
    """The current casino's served `hybrid`; None if the served version has none of readable size, so that the default
    weights are used. One query, which does not read the encoded model."""
    served = FittedModel.objects.filter(is_served=True).order_by("-version").values("version")[:1]
    found = FittedModel.objects.filter(version=served, recommender="hybrid")
    named = [KT(f"scores__{name}") for name in ("kind", "start")]
    row = readable_rows(found).values_list("version", "fitted_at", "coupons", *named).first()
    if row is None:
        return None
    version, fitted_at, coupons, *chosen = row
    return ServedHybrid(version, fitted_at, coupons, start_of(*chosen))


def start_of(kind: str | None, start: str | None, casinos: int | None = None) -> str:
    """A sentence on the initial weights of a `hybrid` of this `kind`: those of the kind `start`. Pass `casinos`, the
    number of casinos that share weights, only for operators: a casino's staff must not learn about the other casinos.
    Empty for kinds of other releases."""
    if kind in SINGLE:
        return f"Has the weights of {kind} alone"
    if kind not in (*FITTED_KINDS, DEFAULT, SHARED) or start not in (DEFAULT, SHARED):
        return ""
    if start == DEFAULT:
        return "Starts from the default weights"
    return f"Starts from the mean of the weights that {casinos or 'other'} casinos share"
