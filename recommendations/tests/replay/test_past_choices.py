"""What a recommender would have chosen, by what was known then."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.recommenders.base import Recommender
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.past_choices import PastAnswer, _Walk, past_choices
from recommendations.serving.options import Options
from recommendations.simulation.simulate import simulate

from .test_replay import HOUR, SECOND, SMALL, history_of, in_order

pytestmark = pytest.mark.slow


def chosen(coupons, hours, candidates=(1, 2, 3), name="trending"):
    history = history_of([10, 20, 30], coupons, opens_at=[0, 0, 5])
    return past_choices(
        history, [PastAnswer(9, each * HOUR, candidates) for each in hours], RECOMMENDERS[name], Options()
    )


def test_a_bet_counts_from_its_time_on():
    assert chosen([(1, 6, [2]), (2, 7, [1]), (3, 7.5, [1])], [5.5, 6, 6.5, 8]) == [0, 0, 2, 1]


def test_events_that_were_not_open_make_a_choice_unknown():
    assert chosen([], [1, 6, 11], name="soonest") == [None, 0, None]
    assert chosen([], [6], candidates=(2, 3), name="soonest") == [0]


class OfUnknownScores(Recommender):
    name = "of unknown scores"
    is_personal = False

    def score(self, context):
        return np.where(context.offer.ids == 1, np.nan, -context.offer.ids.astype(np.float64))


@pytest.mark.parametrize(("candidates", "best"), [((1, 2, 3), 1), ((3, 1), 0), ((1,), 0)])
def test_no_score_is_lower_than_nan(candidates, best):
    history = history_of([10, 20, 30], [])
    assert past_choices(history, [PastAnswer(9, HOUR, candidates)], OfUnknownScores(), Options()) == [best]


def test_before_the_first_coupon_of_a_history_that_is_cut_nothing_is_known():
    history = replace(history_of([10, 20], [(1, 6, [1])]), known_since=6 * HOUR)
    answers = [PastAnswer(9, each * HOUR, (1, 2)) for each in (5, 6, 6.5)]
    assert past_choices(history, answers, RECOMMENDERS["trending"], Options()) == [None, None, 1]


@pytest.mark.parametrize("name", [pytest.param("hybrid", marks=pytest.mark.exhaustive), "neighbours", "inference"])
def test_what_follows_has_no_effect_on_a_choice(name):
    history = simulate(SMALL)
    coupons = history.coupons[:320]  # enough for trees
    at = [coupons[number].timestamp + 1 for number in range(200, 320, 15)]
    answers = [PastAnswer(coupons[number].user_id, time, _open(history, time)) for number, time in enumerate(at)]
    later = in_order([*coupons[:300], *(replace(each, places=each.places[:1], user_id=3) for each in coupons[300:])])
    before, after = (
        past_choices(replace(history, coupons=each), answers, RECOMMENDERS[name], Options())
        for each in (coupons, later)
    )
    assert before[:7] == after[:7]
    assert len(set(before)) > 1
    assert None not in before


def test_legs_that_are_bet_on_after_an_answer_are_not_learned_before_it():
    coupons = [(1, 1, [0]), (1, 2, [1]), (1, 2 + 0.2 * SECOND, [2]), (1, 2 + 0.8 * SECOND, [3])]
    walk = _Walk(history_of([10, 20, 30, 40, 50], coupons), RECOMMENDERS["hybrid"], Options(), HOUR)
    sizes = []
    for seconds in (0.5, 1):
        walk.choose(PastAnswer(9, (2 + seconds * SECOND) * HOUR, (1,)))
        sizes.append(walk._learner.recent_cases.cases().sizes.tolist())
    assert sizes == [[3, 3], [3, 3, 2]]


def _open(history, time):
    is_open = (history.opens_at <= time) & (history.events.begins > time)
    return tuple(map(int, history.events.ids[is_open][:5]))
