"""`static`: the same three events for everyone."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recommendations.recommenders.base import BettingProfile, ScoringContext
from recommendations.recommenders.static import Static
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, offer_of
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino


def test_the_lowest_ids_win_for_every_user():
    for seed, profile in enumerate((BettingProfile(), BettingProfile(country="SPAIN", favorite_sport="HANDBALL"))):
        scores = Static().score(ScoringContext(offer_of({}, {}, {}, {}), profile, seed=(seed,)))
        assert list(np.argsort(-scores)) == [0, 1, 2, 3]
        assert not scores.flags.writeable  # all requests share them


def test_all_users_get_the_same_three_events_at_any_hour(casino_a):
    now = datetime.now(UTC)
    with use_casino(casino_a.current):
        for n in range(6):
            EventFactory.create(id=n + 1, home_team=f"H{n + 1}", sport=("FOOTBALL", "HANDBALL")[n % 2])
        for user_id, sport in ((1, "FOOTBALL"), (2, "HANDBALL")):
            UserFactory.create(id=user_id, favorite_sport=sport)
        TalliedCouponFactory.create(user_id=1)
        slips = [
            recommend(casino_id=1, recommender_type="static", user_id=user_id, now=now + timedelta(hours=hours))
            for user_id in (1, 2)
            for hours in (0, 5)
        ]
    assert [[event.home_team for event in slip.recommended_events] for slip in slips] == [["H1", "H2", "H3"]] * 4


@pytest.mark.parametrize("over", [1, 2])
def test_an_event_that_has_begun_is_replaced_by_the_next_id(casino_a, over):
    now = datetime.now(UTC)
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        for event_id in range(1, 7):
            begin = now + timedelta(hours=-1 if event_id <= over else 1)
            EventFactory.create(id=event_id, home_team=f"H{event_id}", begin_timestamp=begin)
        slip = recommend(casino_id=1, recommender_type="static", user_id=1, now=now)
    assert [event.home_team for event in slip.recommended_events] == [f"H{over + n}" for n in (1, 2, 3)]
