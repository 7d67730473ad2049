"""The replay of a history: what is asked when, what is known then, and that nothing of the future is."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.evaluation.evaluate import evaluate, find_recommenders
from recommendations.offer import offer_of_columns
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.history import History, OddsChange, PastCoupon
from recommendations.replay.replay import ReplayPlan, rank_of, replay
from recommendations.simulation.simulate import USER_KINDS, SimulatedCasino, simulate

HOUR = 3_600.0
SMALL = SimulatedCasino(seed=3, users=40, coupons=600, days=30, leagues=4, teams=6)


def history_of(begins, coupons, opens_at=None):
    """Events 1, 2, .. of two leagues, each with teams of its own; times in hours."""
    n = len(begins)
    teams = [[f"{side}{number}" for number in range(n)] for side in "HA"]
    leagues = [f"LEAGUE {number % 2}" for number in range(n)]
    hours = np.array(begins, dtype=float) * HOUR
    attributes = (["FOOTBALL"] * n, leagues, ["ENGLAND"] * n, *teams)
    events = offer_of_columns(None, range(1, n + 1), hours, hours + 2 * HOUR, [2.0] * n, *attributes)
    opens = np.array(opens_at if opens_at is not None else [0] * n, dtype=float) * HOUR
    return History(events, opens, [PastCoupon(user, hour * HOUR, tuple(places)) for user, hour, places in coupons])


def run(history, *names, **plan):
    return replay(history, ReplayPlan(find_recommenders(names or ("soonest",)), **{"test_fraction": 0.999, **plan}))


class TestCases:
    def test_a_case_is_a_first_bet_on_an_event_that_is_open(self):
        coupons = [(1, 1, [0]), (1, 2, [0, 1]), (1, 3, [2]), (1, 11, [0])]
        found = run(history_of([10, 20, 30], coupons, opens_at=[0, 0, 5]))
        assert [(case.timestamp / HOUR, case.candidates) for case in found.cases] == [(1, 2), (2, 1)]

    def test_ranks_are_among_what_is_open_and_not_chosen_yet(self):
        coupons = [(1, 1, [2]), (1, 2, [1]), (1, 3, [3]), (1, 10.5, [4])]
        found = run(history_of([10, 20, 30, 40, 50], coupons))
        assert [case.ranks for case in found.cases] == [(3.0,), (2.0,), (2.0,), (1.0,)]

    def test_only_the_last_part_is_tested(self):
        coupons = [(user, user, [user]) for user in range(10)]
        found = run(history_of([100] * 10, coupons), test_fraction=0.2)
        assert [case.user_id for case in found.cases] == [8, 9]

    def test_events_too_rarely_bet_on_before_are_left_out(self):
        coupons = [(1, 1, [0]), (2, 2, [0]), (3, 3, [1]), (4, 4, [0])]
        found = run(history_of([10, 20], coupons), min_prior_coupons=1)
        assert [(case.user_id, case.event_selections) for case in found.cases] == [(2, 1), (4, 2)]

    def test_an_empty_history_and_one_of_a_single_coupon_are_replayed(self):
        assert run(history_of([], [])).cases == []
        assert len(run(history_of([10], [(1, 1, [0])])).cases) == 1

    def test_equal_scores_count_at_their_expected_rank(self):
        everything = np.ones(5, dtype=bool)
        assert rank_of(np.zeros(5), everything, 0) == 3.0
        assert rank_of(np.array([2.0, 1.0, 1.0, 0.0, 0.0]), everything, 1) == 2.5
        assert rank_of(np.array([9.0, 1.0, 1.0, 0.0, 0.0]), np.array([False, True, True, True, True]), 1) == 1.5


class TestWhatIsKnown:
    def test_popularity_counts_what_was_bet_before(self):
        coupons = [(1, 1, [2]), (2, 2, [2]), (3, 3, [1])]
        found = run(history_of([10, 20, 30], coupons), "live_popularity", "trending")
        assert [case.ranks for case in found.cases] == [(2.0, 3.0), (1.0, 1.0), (2.5, 3.0)]

    def test_odds_hold_from_their_change_on(self):
        history = replace(
            history_of([10, 20], [(1, 1, [0]), (2, 2, [0]), (3, 3, [0])]),
            odds_changes=[OddsChange(1 * HOUR, 0, 1.0), OddsChange(2.5 * HOUR, 0, 3.0)],
        )
        slips = [run(replace(history, coupons=history.coupons[:n])).slips[0].selections for n in (1, 2, 3)]
        assert np.diff([0, *slips]).tolist() == [2, 1, 2]  # an odd of 1 is nothing to bet on

    def test_no_slip_ever_has_what_it_must_not(self):
        found = run(simulate(SMALL), *RECOMMENDERS, "random", test_fraction=0.5)
        assert {count.invalid for count in found.slips} == {0}
        assert all(count.selections > 700 for count in found.slips)


MOMENT = 0.85  # of the history: models have been fitted by then
EVERYTHING = (*RECOMMENDERS, "random", "popular", "live_popularity")


def replayed(history, tested_from=0.6):
    """With models fitted every three days."""
    return run(history, *EVERYTHING, test_fraction=1 - tested_from, refit=3 * 24 * HOUR)


def until(found, moment):
    return [case for case in found.cases if case.timestamp < moment]


@pytest.fixture(scope="module")
def past():
    return simulate(SMALL)


@pytest.fixture(scope="module")
def moment(past):
    return past.coupons[int(len(past.coupons) * MOMENT)].timestamp


@pytest.fixture(scope="module")
def unchanged(past):
    return replayed(past)


@pytest.mark.no_cover
class TestNoPeeking:
    """Whatever happens later changes nothing of what was said before."""

    def test_a_future_coupon_that_is_shifted_changes_nothing_before(self, past, moment, unchanged):
        place = int(len(past.coupons) * MOMENT)
        coupons = list(past.coupons)
        coupons[place] = replace(coupons[place], timestamp=coupons[place].timestamp + 5 * 24 * HOUR)
        found = replayed(replace(past, coupons=in_order(coupons)))
        assert len(until(unchanged, moment)) > 150
        assert until(found, moment) == until(unchanged, moment)
        assert found.cases != unchanged.cases

    def test_future_coupons_of_others_change_nothing_before(self, past, moment, unchanged):
        longest = int(np.argmax(past.events.begins))
        crowd = [PastCoupon(900 + number, moment + number, (longest,)) for number in range(5)]
        coupons = in_order([*past.coupons, *crowd])
        first_tested = int(len(past.coupons) * 0.6)
        found = replayed(replace(past, coupons=coupons), tested_from=(first_tested + 0.5) / len(coupons))
        assert until(found, moment) == until(unchanged, moment)

    def test_future_changes_of_odds_change_nothing_before(self, past, moment, unchanged):
        is_coming = np.flatnonzero(past.events.begins > moment)
        changes = [OddsChange(moment, int(place), 50.0) for place in is_coming]
        found = replayed(replace(past, odds_changes=changes))
        assert until(found, moment) == until(unchanged, moment)
        assert found.cases != unchanged.cases

    def test_past_coupons_that_are_shifted_change_what_comes_after(self, past, moment, unchanged):
        late = [replace(each, timestamp=each.timestamp + 9 * HOUR) for each in past.coupons[::7]]
        others = [each for number, each in enumerate(past.coupons) if number % 7]
        found = replayed(replace(past, coupons=in_order([*others, *late])))
        assert until(found, moment) != until(unchanged, moment)


def in_order(coupons):
    return sorted(coupons, key=lambda coupon: coupon.timestamp)


@pytest.mark.no_cover
class TestRecovery:
    """What the simulator puts in, the evaluation finds."""

    NAMES = ("soonest", "trending", "profile", "neighbours", "hybrid", "random")

    def report(self, kind):
        world = replace(
            SimulatedCasino(seed=2, users=80, coupons=1_600, days=50, leagues=6), preferences=USER_KINDS[kind]
        )
        return evaluate(
            simulate(world),
            recommenders=find_recommenders(self.NAMES),
            ks=[10],
            test_fraction=0.3,
            refit=30 * 24 * HOUR,
        )

    def means(self, report):
        return {each.recommender: each.metrics["ndcg@10"].mean for each in report.slices[0].figures}

    @pytest.mark.parametrize(
        ("kind", "best", "goes_by"),
        [
            ("fans", "profile", "their own"),
            ("crowd", "trending", "what everybody bets on"),
            ("last-minute", "soonest", "what begins soon"),
        ],
    )
    def test_the_recommender_that_users_go_by_wins_and_hybrid_is_never_worse(self, kind, best, goes_by):
        report = self.report(kind)
        means = self.means(report)
        single = {name: mean for name, mean in means.items() if name != "hybrid"}
        assert max(single, key=single.__getitem__) == best
        assert means["hybrid"] > means[best] - 0.02
        assert report.learning.words.startswith(f"The users go by {goes_by}")
        assert report.advice.recommender in {"hybrid", best}
