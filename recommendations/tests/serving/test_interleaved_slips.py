"""No drafted slip breaks a rule, and its events are those of its two recommenders."""

import random
from itertools import permutations
from uuid import UUID

import numpy as np
import pytest

from recommendations.recommenders.base import FittedModels
from recommendations.recommenders.calibration import Calibration, SlipWeights
from recommendations.recommenders.hybrid import HybridModel
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.engine import CasinoContext, RecommendationRequest, UserContext, build_recommendation
from recommendations.tests.factories import offer_of
from tenants.tests.exhaustive import scaled

from .test_slip_rules import NOW, check, random_event, random_options, random_profile, random_trends, random_user

SLIPS = scaled(800, 2_400)
SLIPS_AN_OFFER = 20
PAIRS = list(permutations(RECOMMENDERS.values(), 2))


@pytest.mark.no_cover
@pytest.mark.scaled
def test_no_drafted_slip_breaks_a_rule():
    rng = random.Random("drafts")
    for _ in range(SLIPS // SLIPS_AN_OFFER):
        events = [random_event(rng) for _ in range(rng.choice([0, 1, 3, 12, 40, 120]))]
        casino_context = CasinoContext(offer_of(*events), random_trends(rng, len(events)))
        for user_id in rng.sample(range(1, 10**9), SLIPS_AN_OFFER):
            one, other = rng.choice(PAIRS)
            options = random_options(rng, len(events))
            request = RecommendationRequest(1, one, NOW, options, needs_reasons=rng.random() < 0.2, rival=other)
            user_context = UserContext(user_id, user_id, random_user(rng), random_profile(rng))
            check(events, request, user_context, casino_context, {})


def test_a_rival_of_the_same_order_changes_no_slip_and_is_credited_with_nothing():
    rng = random.Random("same")
    events = [random_event(rng) for _ in range(40)]
    casino_context = CasinoContext(offer_of(*events))
    static = RECOMMENDERS["static"]
    alone, both = (
        build_recommendation(
            RecommendationRequest(1, static, NOW, rival=rival),
            UserContext(7, 7, None, random_profile(rng)),
            casino_context,
            UUID(int=0),
        )
        for rival in (None, static)
    )
    assert {(each.team, each.first_team) for each in both.recommended_events} == {("", "")}
    assert [each.event_id for each in both.recommended_events] == [each.event_id for each in alone.recommended_events]


def test_confidence_of_a_draft_is_by_the_scores_of_the_first_recommender():
    rng = random.Random("confidence")
    events = [{"odd": 1.5 + number / 9} for number in range(40)]
    models = FittedModels(HybridModel({"odd": 3.0}), Calibration((SlipWeights(0.0, 1.0, 0.0),)))
    casino_context = CasinoContext(offer_of(*events), models=models)
    alone, both = (
        build_recommendation(
            RecommendationRequest(1, RECOMMENDERS["hybrid"], NOW, rival=rival),
            UserContext(7, 7, None, random_profile(rng)),
            casino_context,
            UUID(int=0),
        )
        for rival in (None, RECOMMENDERS["static"])
    )
    odds = np.array([each["odd"] for each in events])
    for slip in (alone, both):
        shown = np.array([each.odd for each in slip.recommended_events])
        assert slip.confidence == pytest.approx((shown**3).sum() / (odds**3).sum(), abs=0.0006)
    assert 0 < both.confidence < alone.confidence
