"""The mean of the weights that other casinos share, from which a casino that shares its own starts (ADR 39)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import Error

from recommendations.fitted_models.store import decode, readable, served_version
from recommendations.learning.model_selection import FITTED_KINDS
from recommendations.models import FittedModel
from recommendations.recommenders.hybrid import HybridModel, is_of_these_features
from recommendations.recommenders.hybrid_features.features import ADDITIVE
from recommendations.serving.options import load_options
from tenants.errors import TenancyError
from tenants.models import Casino
from tenants.routing.context import use_casino

logger = logging.getLogger(__name__)

MIN_CASINOS = 3  # so that a mean of others' weights is nobody's own
MIN_COUPONS = 1_000  # weights that are fitted to fewer tell too much of single users
LARGEST = 5.0  # a weight beyond counts as this, so that one casino's weights can move the mean by so much alone


@dataclass(frozen=True, slots=True)
class SharedWeights:
    """The mean weights of this number of casinos."""

    weights: Mapping[str, float]
    casinos: int


def shared_weights(casino_id: int) -> SharedWeights | None:
    """The mean of the weights of the active casinos with the option `share_weights` but for this one. Those whose
    database can't be read are left out, with a warning. None with fewer than `MIN_CASINOS`."""
    others = Casino.objects.active().filter(options__isnull=False).exclude(pk=casino_id).order_by("pk")
    sharing = (casino for casino in others if load_options(casino.options).share_weights)
    found = [weights for casino in sharing if (weights := _weights_of(casino)) is not None]
    return mean_of(found)


def mean_of(found: Sequence[Mapping[str, float]]) -> SharedWeights | None:
    """The mean of each weight, bounded by `LARGEST`. None with fewer than `MIN_CASINOS`."""
    if len(found) < MIN_CASINOS:
        return None
    table = np.array([[weights.get(name, 0.0) for name in ADDITIVE] for weights in found])
    means = table.clip(-LARGEST, LARGEST).mean(axis=0)
    return SharedWeights(dict(zip(ADDITIVE, means.tolist(), strict=True)), len(found))


def _weights_of(casino: Casino) -> Mapping[str, float] | None:
    try:
        with use_casino(casino.current):
            return weights_to_share()
    except (Error, TenancyError) as error:
        logger.warning("The weights that %s shares can't be read and are left out: %s", casino, error)
        return None


def weights_to_share() -> Mapping[str, float] | None:
    """The weights of the current casino's served `hybrid`; None unless they were fitted to enough coupons and to the
    features of this release."""
    fitted = FittedModel.objects.filter(version=served_version(), coupons__gte=MIN_COUPONS)
    row = readable(fitted.filter(recommender="hybrid", scores__kind__in=FITTED_KINDS)).first()
    model = decode(row, HybridModel) if row is not None else None
    if row is None or model is None or not is_of_these_features(bytes(row.fitted)):
        return None
    return model.weights
