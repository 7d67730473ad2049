"""Replaying a history: its cases, the state before each, and that no future data is used."""

from dataclasses import replace
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recommendations.evaluation.evaluate import evaluate, find_recommenders
from recommendations.offer import offer_of_columns
from recommendations.recommenders.hybrid import DEFAULT_MODEL, HybridModel
from recommendations.recommenders.hybrid_features.features import NAMES
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.calibrating_slips import CalibratingSlips
from recommendations.replay.history import DAY, History, OddsChange, PastCoupon
from recommendations.replay.learner import Learner
from recommendations.replay.replay import ReplayPlan, rank_of, replay, replay_to_fit
from recommendations.replay.replayed_state import ReplayedState
from recommendations.replay.shown_slips import ShownSlip
from recommendations.serving.options import Options
from recommendations.simulation.simulate import USER_KINDS, SimulatedCasino, simulate
from recommendations.tests.present import present

pytestmark = pytest.mark.slow

HOUR = 3_600.0
SECOND = 1 / HOUR  # in hours
SMALL = SimulatedCasino(seed=3, users=40, coupons=600, days=30, leagues=4, teams=6, events_a_day=7)


def history_of(begins, coupons, opens_at=None):
    """Events 1, 2, .. of two leagues, each with teams of its own; times in hours."""
    n = len(begins)
    teams = [[f"{side}{number}" for number in range(n)] for side in "HA"]
    leagues = [f"LEAGUE {number % 2}" for number in range(n)]
    hours = np.array(begins, dtype=float) * HOUR
    attributes = (["FOOTBALL"] * n, leagues, ["ENGLAND"] * n, *teams)
    events = offer_of_columns(None, [range(1, n + 1), hours, hours + 2 * HOUR, [2.0] * n, *attributes, [""] * n])
    opens = np.array(opens_at if opens_at is not None else [0] * n, dtype=float) * HOUR
    return History(events, opens, [PastCoupon(user, hour * HOUR, tuple(places)) for user, hour, places in coupons])


def run(history, *names, **plan):
    return replay(history, ReplayPlan(find_recommenders(names or ("soonest",)), **{"test_fraction": 0.999, **plan}))


@pytest.mark.covered
class TestCases:
    def test_a_case_is_a_users_first_bet_on_an_open_event(self):
        coupons = [(1, 1, [0]), (1, 2, [0, 1]), (1, 3, [2]), (1, 11, [0])]
        found = run(history_of([10, 20, 30], coupons, opens_at=[0, 0, 5]))
        assert [(case.timestamp / HOUR, case.candidates) for case in found.cases] == [(1, 2), (2, 1)]

    def test_ranks_are_among_open_events_that_the_user_has_not_bet_on(self):
        coupons = [(1, 1, [2]), (1, 2, [1]), (1, 3, [3]), (1, 10.5, [4])]
        found = run(history_of([10, 20, 30, 40, 50], coupons))
        assert [case.ranks for case in found.cases] == [(3.0,), (2.0,), (2.0,), (1.0,)]

    def test_coupons_of_one_user_and_second_are_legs_of_one_slip_that_do_not_compete(self):
        coupons = [(1, 1, [0, 3]), (2, 2, [0]), (2, 2 + 0.4 * SECOND, [1]), (2, 2 + 2 * SECOND, [2])]
        found = run(history_of([10, 20, 30, 40], coupons))
        assert [(case.user_id, case.candidates, case.user_coupons) for case in found.cases] == [
            *[(1, 3, 0)] * 2,  # each leg, and the two events that the slip does not hold
            *[(2, 3, 0)] * 2,
            (2, 2, 2),
        ]
        assert [case.ranks for case in found.cases] == [(1.0,), (3.0,), (1.0,), (1.0,), (1.0,)]

    @pytest.mark.parametrize("slip", [[(1, 2, [1, 2])], [(1, 2, [1]), (1, 2 + 0.4 * SECOND, [2])]])
    def test_training_cases_hold_one_leg_of_a_slip(self, slip):
        fitted = run(history_of([10, 20, 30, 40, 50], [(1, 1, [0]), *slip]), "hybrid").fitted_cases
        assert fitted.sizes.tolist() == [3, 3]  # each leg of the slip, and the two events without bets

    def test_of_a_slip_that_begins_before_the_test_the_later_legs_are_tested(self):
        coupons = [(1, 1, [0]), (1, 2, [1]), (1, 2 + 0.4 * SECOND, [2]), (1, 2 + 0.6 * SECOND, [3])]
        found = run(history_of([10, 20, 30, 40, 50], coupons), "hybrid", test_fraction=0.5)
        assert [(case.candidates, case.user_coupons) for case in found.cases] == [(2, 2), (2, 2)]
        assert found.fitted_cases.sizes.tolist() == [4, 2, 2]

    def test_only_the_last_part_is_tested(self):
        coupons = [(user, user, [user]) for user in range(10)]
        found = run(history_of([100] * 10, coupons), test_fraction=0.2)
        assert [case.user_id for case in found.cases] == [8, 9]

    def test_events_with_too_few_earlier_selections_are_no_cases(self):
        coupons = [(1, 1, [0]), (2, 2, [0]), (3, 3, [1]), (4, 4, [0])]
        found = run(history_of([10, 20], coupons), min_prior_coupons=1)
        assert [(case.user_id, case.event_selections) for case in found.cases] == [(2, 1), (4, 2)]

    def test_an_empty_history_and_a_single_coupon_can_be_replayed(self):
        assert run(history_of([], [])).cases == []
        assert len(run(history_of([10], [(1, 1, [0])])).cases) == 1

    def test_models_are_fitted_once_to_the_first_coupons_alone(self, past):
        none, some = (run(past, "hybrid", test_fraction=0.4, fit_first=number) for number in (0, 100))
        fitted = replay_to_fit(replace(past, coupons=past.coupons[:100])).selected
        assert (present(none.selected).cases, present(none.selected).model) == (0, DEFAULT_MODEL)
        assert 10 < present(some.selected).cases == present(fitted).cases
        assert present(some.selected).model.weights == present(fitted).model.weights
        assert [each.timestamp for each in none.cases] == [each.timestamp for each in some.cases]
        assert [each.ranks for each in none.cases] != [each.ranks for each in some.cases]

    def test_equal_scores_count_at_their_expected_rank(self):
        everything = np.ones(5, dtype=bool)
        assert rank_of(np.zeros(5), everything, 0) == 3.0
        assert rank_of(np.array([2.0, 1.0, 1.0, 0.0, 0.0]), everything, 1) == 2.5
        assert rank_of(np.array([9.0, 1.0, 1.0, 0.0, 0.0]), np.array([False, True, True, True, True]), 1) == 1.5


class TestShownSlips:
    def test_slips_without_events_and_before_bets_on_events_of_markets_alone_are_not_shown(self):
        history = simulate(replace(SMALL, coupons=120))
        has_no_odd = np.arange(len(history.events)) % 2 == 0
        odds = [
            history.events.odds,
            np.where(has_no_odd, np.nan, history.events.odds),
            np.full(len(has_no_odd), np.nan),
        ]
        histories = [replace(history, events=replace(history.events, odds=each), odds_changes=()) for each in odds]
        shown = [run(each, "hybrid", test_fraction=0.5).slips[0].slips.over for each in histories]
        assert len(shown[0]) > len(shown[1]) > len(shown[2]) == 0
        assert {place for slip in shown[1] for place in slip.places}.isdisjoint(np.flatnonzero(has_no_odd).tolist())

    def test_their_model_is_fitted_once_right_before_the_first(self):
        number, fitted, due = 0, list[int](), list[int]()

        def model_of_cases() -> HybridModel:
            fitted.append(number)
            return HybridModel({})

        learner: Any = SimpleNamespace(model_of_cases=model_of_cases)
        slips = CalibratingSlips(learner, range(20, 100))
        for number in range(120):
            slips.move_to(number)
            due += [number] if slips.is_due(number) else []
        assert (fitted, due) == ([80], [*range(80, 100)])

    @pytest.mark.no_cover
    @pytest.mark.exhaustive
    def test_confidence_is_calibrated_to_slips_by_the_casinos_options(self, past):
        learner = replay_to_fit(past, options=Options(min_odd=1_000.0))  # which no event has
        assert present(learner.selected).kind != "default"
        assert learner.calibration is None

    @pytest.mark.covered
    def test_confidence_is_calibrated_again_each_day(self, past, monkeypatch):
        times, calibrate = [], Learner.calibrate

        def noted(learner: Learner, slips: list[ShownSlip]) -> None:
            times.append(learner._state.now)
            calibrate(learner, slips)

        monkeypatch.setattr(Learner, "calibrate", noted)
        run(past, "hybrid", test_fraction=0.2, refit=1_000 * DAY)
        days = (past.coupons[-1].timestamp - times[0]) / DAY
        assert 2 < days / 2 < len(times) - 1 <= days
        assert np.diff(times).min() >= DAY

    def test_where_coupons_are_missing_confidence_is_not_by_their_number(self):
        history = history_of([10], [])
        hits = [1 if number % 50 > 25 else inf for number in range(400)]
        slips = [ShownSlip(number, number % 50, [0], [0.5], None, 3, hit) for number, hit in enumerate(hits)]
        calibrations = []
        for known_since in (-inf, 5 * HOUR):
            learner = Learner(ReplayedState(replace(history, known_since=known_since)), HOUR)
            learner.fit(with_hybrid=True, slips=slips)
            calibrations.append(present(learner.calibration))
        assert calibrations[0].probability(0.5, 49, 1) > calibrations[0].probability(0.5, 0, 1) + 0.2
        assert calibrations[1].probability(0.5, 49, 1) == pytest.approx(0.48, abs=1e-3)
        assert calibrations[1].probability(0.5, 0, 1) == calibrations[1].probability(0.5, 49, 1)


class TestState:
    def test_popularity_counts_earlier_selections(self):
        coupons = [(1, 1, [2]), (2, 2, [2]), (3, 3, [1])]
        found = run(history_of([10, 20, 30], coupons), "live_popularity", "trending")
        assert [case.ranks for case in found.cases] == [(2.0, 3.0), (1.0, 1.0), (2.5, 3.0)]

    def test_odds_are_valid_from_their_change_on(self):
        history = replace(
            history_of([10, 20], [(1, 1, [0]), (2, 2, [0]), (3, 3, [0])]),
            odds_changes=[OddsChange(1 * HOUR, 0, 1.0), OddsChange(2.5 * HOUR, 0, 3.0)],
        )
        slips = [run(replace(history, coupons=history.coupons[:n])).slips[0].selections for n in (1, 2, 3)]
        assert np.diff([0, *slips]).tolist() == [2, 1, 2]  # an event with an odd of 1 can't be bet on

    @pytest.mark.no_cover
    @pytest.mark.exhaustive
    def test_no_slip_breaks_a_rule(self, unchanged):
        assert {count.invalid for count in unchanged.slips} == {0}
        assert all(count.selections > 500 for count in unchanged.slips)


SPLIT = 0.9  # share of the history after which models have been fitted
END = 0.92  # of the simulated history: later cases would prove nothing more
EVERYTHING = (*RECOMMENDERS, "random", "popular", "live_popularity")


def replayed(history, *names, test_fraction=0.4):
    """Replay with models fitted before the tested part, and again before the split."""
    return run(history, *(names or EVERYTHING), test_fraction=test_fraction, refit=6 * 24 * HOUR)


def until(found, split_time):
    return [case for case in found.cases if case.timestamp < split_time]


def confidences_until(found, split_time):
    slips = found.slips[found.names.index("hybrid")].slips.over
    return [each.confidence for each in slips if found.tested_from <= each.timestamp < split_time]


def part_until(cases, split_time):
    return cases.part(0, int(np.searchsorted(cases.timestamps, split_time)))


CONSTANT = {"lift of country", "share of country", "own country", "favourite sport"}  # of simulated casinos


@pytest.fixture(scope="module")
def past():
    history = simulate(SMALL)
    return replace(history, coupons=history.coupons[: int(len(history.coupons) * END)])


@pytest.fixture(scope="module")
def split_time(past):
    return past.coupons[int(len(past.coupons) * SPLIT)].timestamp


@pytest.fixture(scope="module")
def unchanged(past):
    return replayed(past)


@pytest.mark.no_cover
class TestNoDataLeakage:
    """Future data has no effect on earlier cases."""

    @pytest.mark.exhaustive
    def test_a_changed_future_has_no_effect_on_earlier_cases_and_their_features(self, past, split_time, unchanged):
        """Future coupons are more, of other users, half of them new, of other events and later, and the odds of all
        coming events change."""
        coupons = [each for each in past.coupons if each.timestamp < split_time]
        longest = int(np.argmax(past.events.begins))
        others = [
            PastCoupon(1 + each.user_id % 40, each.timestamp + HOUR, (longest, *each.places[:1]))
            for each in past.coupons[len(coupons) :]
        ]
        others[::2] = [replace(each, user_id=900 + each.user_id) for each in others[::2]]
        last = others[-1]
        others += [replace(last, user_id=990 + number, timestamp=last.timestamp + number) for number in range(5)]
        is_coming = np.flatnonzero(past.events.begins > split_time)
        odds = [OddsChange(split_time, int(place), 50.0) for place in is_coming]
        changed = replace(past, coupons=[*coupons, *others], odds_changes=odds)
        first_tested = int(len(past.coupons) * 0.6)  # as when unchanged
        found = replayed(changed, test_fraction=1 - (first_tested + 0.5) / len(changed.coupons))
        assert len(until(unchanged, split_time)) > 150
        assert until(found, split_time) == until(unchanged, split_time)
        assert found.cases != unchanged.cases
        assert len({*confidences_until(unchanged, split_time)}) > 2
        assert confidences_until(found, split_time) == confidences_until(unchanged, split_time)
        earlier = [part_until(each.fitted_cases, split_time) for each in (unchanged, found)]
        assert np.array_equal(earlier[0].numbers, earlier[1].numbers)
        varying = {name for name, column in zip(NAMES, earlier[0].numbers.T, strict=True) if np.ptp(column) > 0}
        assert set(NAMES) - varying <= CONSTANT
        assert len(found.fitted_cases) > len(earlier[1])

    @pytest.mark.exhaustive
    def test_shifting_past_coupons_changes_the_ranks_of_later_cases(self, past):
        first = past.coupons[:150]
        late = [replace(each, timestamp=each.timestamp + 9 * HOUR) for each in first[::7]]
        shifted = in_order([*(each for number, each in enumerate(first) if number % 7), *late])
        found = [replayed(replace(past, coupons=each), "trending", "profile", "hybrid") for each in (first, shifted)]
        before, after = ({(each.timestamp, each.user_id): each.ranks for each in one.cases} for one in found)
        changed = [np.not_equal(before[case], after[case]) for case in before.keys() & after.keys()]
        assert np.sum(changed, axis=0).min() > 5


class TestUnusualCasinos:
    """With any history, models are fitted, and `hybrid` ranks all candidates."""

    def test_a_casino_with_one_user(self):
        history = simulate(replace(SMALL, users=1, coupons=120))
        found = run(history, "hybrid", "soonest", test_fraction=0.4, refit=24 * HOUR)
        assert {case.user_id for case in found.cases} == {history.coupons[0].user_id}
        assert all(1 <= rank <= case.candidates for case in found.cases for rank in case.ranks)
        assert len(found.cases) > 30
        assert lags(found) < 0.05

    @pytest.mark.covered
    def test_a_casino_with_one_event_at_a_time(self):
        begins = range(2, 202, 2)
        coupons = [(user, hour - 0.5 - user / 100, [place]) for place, hour in enumerate(begins) for user in (2, 1)]
        found = run(history_of(begins, coupons, opens_at=[hour - 1.9 for hour in begins]), "hybrid", test_fraction=0.5)
        assert len(found.cases) == 100
        assert {case.ranks for case in found.cases} == {(1.0,)}

    @pytest.mark.exhaustive
    def test_a_casino_whose_users_change_overnight_is_no_worse_than_one_without_their_history(self, past):
        """From one day on each user bets as another one did: own tallies mislead until they are outweighed."""
        border = int(len(past.coupons) * 0.6)
        swapped = [replace(each, user_id=1 + each.user_id * 7 % 40) for each in past.coupons[border:]]
        history = replace(past, coupons=[*past.coupons[:border], *swapped])
        found = run(history, "hybrid", "soonest", "trending", test_fraction=0.4, refit=6 * 24 * HOUR)
        assert lags(found) < 0.05


def lags(found):
    """How far the first recommender is behind the best of the others, in mean doublings of the rank."""
    means = np.log2(1 + np.array([case.ranks for case in found.cases])).mean(axis=0)
    return means[0] - means[1:].min()


def in_order(coupons):
    return sorted(coupons, key=lambda coupon: coupon.timestamp)


@pytest.mark.no_cover
@pytest.mark.exhaustive
class TestRecovery:
    """The evaluation finds the preferences that the simulator used."""

    NAMES = ("soonest", "trending", "profile", "neighbours", "hybrid", "random")

    def report(self, kind):
        casino = replace(
            SimulatedCasino(seed=2, users=80, coupons=1_000, days=50, leagues=6, events_a_day=8),
            preferences=USER_KINDS[kind],
        )
        return evaluate(
            simulate(casino),
            recommenders=find_recommenders(self.NAMES),
            ks=[10],
            test_fraction=0.3,
            refit=30 * 24 * HOUR,
        )

    def means(self, report):
        return {each.recommender: each.metrics["ndcg@10"].mean for each in report.slices[0].results}

    @pytest.mark.parametrize(
        ("kind", "best", "predictor"),
        [
            ("fans", "profile", "favourite"),
            ("crowd", "trending", "popularity"),
            ("last-minute", "soonest", "time until the event begins"),
        ],
    )
    def test_the_recommender_of_the_simulated_preference_wins_and_hybrid_is_as_good(self, kind, best, predictor):
        report = self.report(kind)
        means = self.means(report)
        single = {name: mean for name, mean in means.items() if name != "hybrid"}
        assert max(single, key=single.__getitem__) == best
        assert means["hybrid"] > means[best] - 0.02
        assert report.learning.explanation.startswith(f"Strongest predictors of the users' bets: {predictor}")
        assert report.advice.recommender in {"hybrid", best}
        slips = {each.recommender: each for each in report.slips}
        assert slips["hybrid"].shown > 200
        uncalibrated = [each.calibration_error for name, each in slips.items() if name != "hybrid"]
        assert slips["hybrid"].calibration_error < min(uncalibrated)
