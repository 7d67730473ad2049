"""`dynamic`: events of the user's favourite sport."""

from datetime import UTC, datetime

import numpy as np
import pytest

from recommendations.recommenders.base import BettingProfile, ScoringContext
from recommendations.recommenders.dynamic import Dynamic
from recommendations.tests.factories import EventFactory, UserFactory, offer_of
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino


def order(offer, profile, seed=1):
    return list(np.argsort(-Dynamic().score(ScoringContext(offer, profile, seed=(seed,)))))


@pytest.mark.parametrize("seed", range(20))
def test_every_event_of_the_favourite_sport_comes_before_any_other(seed):
    offer = offer_of(*[{"sport": sport} for sport in ("FOOTBALL", "HANDBALL", "FOOTBALL", "HANDBALL", "BASKETBALL")])
    assert set(order(offer, BettingProfile(favorite_sport="HANDBALL"), seed)[:2]) == {1, 3}


def test_the_order_within_a_sport_varies():
    offer = offer_of(*[{}] * 10)
    assert len({tuple(order(offer, BettingProfile(favorite_sport="FOOTBALL"), seed)) for seed in range(10)}) > 5


@pytest.mark.parametrize("sport", ["", "CHESS"])
def test_a_sport_of_no_event_prefers_no_event(sport):
    scores = Dynamic().score(ScoringContext(offer_of({}, {"sport": "HANDBALL"}), BettingProfile(favorite_sport=sport)))
    assert (scores < 1).all()


def test_others_fill_up_where_the_favourite_sport_has_too_few(casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=1, favorite_sport="HANDBALL")
        EventFactory.create(sport="HANDBALL")
        EventFactory.create_batch(5, sport="FOOTBALL")
        slip = recommend(casino_id=1, recommender_type="dynamic", user_id=1, now=datetime.now(UTC))
    assert [event.sport for event in slip.recommended_events] == ["HANDBALL", "FOOTBALL", "FOOTBALL"]


def test_two_users_of_one_casino_get_their_own_sports(casino_a):
    with use_casino(casino_a.current):
        for user_id, sport in enumerate(("FOOTBALL", "BASKETBALL", "HANDBALL"), start=1):
            UserFactory.create(id=user_id, favorite_sport=sport)
            EventFactory.create_batch(3, sport=sport)
        for user_id, sport in enumerate(("FOOTBALL", "BASKETBALL", "HANDBALL"), start=1):
            slip = recommend(casino_id=1, recommender_type="dynamic", user_id=user_id, now=datetime.now(UTC))
            assert [event.sport for event in slip.recommended_events] == [sport] * 3
