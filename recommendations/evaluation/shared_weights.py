"""The weights that casinos share, and their mean: the initial weights of a casino that shares its own (ADR 39)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from django.db.models.fields.json import KT

from recommendations.fitted_models.store import readable_rows, served_version
from recommendations.models import FittedModel
from recommendations.recommenders.hybrid import DEFAULT_MODEL, FITTED_KINDS, decode_weights
from recommendations.recommenders.hybrid_features.features import ADDITIVE
from tenants.models import Casino
from tenants.postgresql.wait_budget import request_budget, waiting_within
from tenants.routing.context import use_casino

logger = logging.getLogger(__name__)

Weights = Mapping[str, float]

MIN_CASINOS = 3  # other casinos; a mean of fewer would disclose a single casino's weights
MIN_CASES, MIN_USERS = 1_000, 100  # weights fitted to fewer would disclose too much about single users
SPREAD = 1.0  # weights are clipped to this distance from the default, so that a hostile one changes the mean little
SECONDS = 5.0  # limit for reading from a casino's database


@dataclass(frozen=True, slots=True)
class SharedWeights:
    """The mean weights of `casinos` casinos."""

    weights: Weights
    casinos: int


def weights_by_casino(seconds: float = SECONDS) -> dict[int, Weights]:
    """The weights of each active casino with the option `share_weights`, by casino id. Excludes casinos whose weights
    are fitted to too few cases, and, with a warning, casinos whose weights can't be read within `seconds`."""
    sharing = Casino.objects.active().alias(shares=KT("options__share_weights")).filter(shares="true")
    found = ((casino.pk, _weights_of(casino, seconds)) for casino in sharing.order_by("pk"))
    return {casino_id: weights for casino_id, weights in found if weights is not None}


def mean_of_others(
    found: Mapping[int, Weights], casino_id: int, min_casinos: int = MIN_CASINOS
) -> SharedWeights | None:
    """The mean of the other casinos' weights, each clipped by `SPREAD`. None with fewer than `min_casinos` others."""
    others = [weights for each, weights in found.items() if each != casino_id]
    if len(others) < min_casinos:
        return None
    table = np.array([[weights.get(name, 0.0) for name in ADDITIVE] for weights in others])
    default = np.array([DEFAULT_MODEL.weights.get(name, 0.0) for name in ADDITIVE])
    means = table.clip(default - SPREAD, default + SPREAD).mean(axis=0)
    return SharedWeights(dict(zip(ADDITIVE, means.tolist(), strict=True)), len(others))


def _weights_of(casino: Casino, seconds: float) -> Weights | None:
    try:
        with waiting_within(request_budget(seconds)), use_casino(casino.current):
            return _weights_to_share()
    except Exception:  # the casino's rows and tables may be damaged in any way; fits of other casinos must go on
        logger.warning("Can't read the weights that %s shares; the mean excludes them", casino, exc_info=True)
        return None


def _weights_to_share() -> Weights | None:
    """The weights of the current casino's served `hybrid`; None unless they were fitted to enough cases and to the
    features of this release. Reads nothing else of the rows."""
    fitted = FittedModel.objects.filter(
        version=served_version(),
        recommender="hybrid",
        scores__kind__in=FITTED_KINDS,
        scores__cases__gte=MIN_CASES,
        scores__users__gte=MIN_USERS,
    )
    encoded = readable_rows(fitted).values_list("fitted", flat=True).first()
    return None if encoded is None else decode_weights(bytes(encoded))
