"""Reading a casino's history, fitting its models, and the commands `evaluate` and `simulate`."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from math import inf, log

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from recommendations.evaluation.store import last_report
from recommendations.evaluation.training import fit_models
from recommendations.fitted_models.model_cache import RECOUNT_AFTER, model_cache
from recommendations.fitted_models.store import Fitting, store_models
from recommendations.learning.lambdarank import fit_trees
from recommendations.models import Evaluation, Event, FittedModel
from recommendations.recommenders.base import FittedModels, ScoringContext
from recommendations.recommenders.calibration import Calibration, SlipWeights
from recommendations.recommenders.hybrid import HybridModel
from recommendations.recommenders.hybrid_features.features import NAMES, Features
from recommendations.recommenders.hybrid_features.user_vectors import CoBettors, UserVectors
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.casino_history import casino_history
from recommendations.replay.replay import replay_to_fit
from recommendations.replay.replayed_state import ReplayedState
from recommendations.replay.serving_inputs import ServingInputs
from recommendations.serving import slip
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.load import build_user_context, find
from recommendations.simulation.into_casino import store_history
from recommendations.simulation.simulate import USER_KINDS, SimulatedCasino, simulate, write_files
from recommendations.storing import merge_casino_sums, store_coupons, store_events, store_users
from recommendations.tests.factories import coupon_row, event_row, selection_row, user_row
from recommendations.tests.present import present
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

PARAMETERS = SimulatedCasino(seed=4, users=30, coupons=130, days=30, leagues=3, teams=6, events_a_day=6)


@pytest.fixture(scope="module")
def simulated():
    return simulate(PARAMETERS)


@pytest.fixture(scope="module")
def longer():
    """With enough cases to fit trees."""
    return simulate(replace(PARAMETERS, coupons=250))


def fill(casino, now, history):
    with use_casino(casino.current):
        store_history(history, now)


# Of fitted models, which the replay lacks; and of times, since coupons stored at once count as of the latest of them.
MODEL_METRICS = {"neighbours", "likeness", "mean likeness", "likeness against the best"}
NOT_COMPARED = MODEL_METRICS | {"freshness", "freshness against the best"}


def coupon_of(coupon, events, timestamp):
    bet_on = tuple(
        selection_row(event_id=int(events.ids[place]), odd=Decimal(f"{events.odds[place]:.2f}"), **events.names(place))
        for place in coupon.places
    )
    return coupon_row(user_id=coupon.user_id, timestamp=timestamp, recommended_events=bet_on)


def features_served(user_id, now):
    """Event -> features, of the next request."""
    request = RecommendationRequest(1, RECOMMENDERS["hybrid"], now)
    found = find([user_id], now, request.hour)
    user = build_user_context(found.users[user_id], request, found.casino_context)
    casino = found.casino_context
    return features_of_all(
        ScoringContext(
            casino.offer, user.profile, hour=request.hour, trends=casino.trends, models=casino.models, user_id=user_id
        )
    )


def features_replayed(history, user_id, now):
    return features_of_all(input_replayed(state_replayed(history, now), user_id, now).context)


def state_replayed(history, now):
    state = ReplayedState(history)
    for each in history.coupons:
        state.move_to(each.timestamp)
        state.add(each)
    state.move_to(now.timestamp())
    return state


def input_replayed(state, user_id, now, *models):
    request = RecommendationRequest(1, RECOMMENDERS["hybrid"], now)
    return ServingInputs(state, 1).of(user_id, request, FittedModels(state.sequences.counts(), *models), request.needs)


def features_of_all(context):
    return dict(zip(context.offer.ids.tolist(), Features(context).at(np.arange(len(context.offer))), strict=True))


NO_METRICS = {"recommender": "soonest", "metrics": {}, "difference": {}}


class TestHistory:
    def test_history_of_a_casino_has_the_stored_coupons(self, casino_a, casino_b, simulated, now):
        fill(casino_a, now, simulated)
        with use_casino(casino_a.current):
            history = casino_history(casino_id=1, until=now + timedelta(seconds=1))
        assert len(history.coupons) == len(simulated.coupons)
        assert [each.user_id for each in history.coupons] == [each.user_id for each in simulated.coupons]
        bet_on = [[history.events.home_team[place] for place in each.places] for each in history.coupons[:50]]
        assert bet_on == [
            [simulated.events.home_team[place] for place in each.places] for each in simulated.coupons[:50]
        ]
        with use_casino(casino_b.current):
            assert casino_history(casino_id=2, until=now).coupons == []

    def test_since_and_until_limit_the_coupons(self, casino_a, simulated, now):
        fill(casino_a, now, simulated)
        with use_casino(casino_a.current):
            history = casino_history(casino_id=1, since=now - timedelta(days=3), until=now - timedelta(days=1))
        times = [coupon.timestamp for coupon in history.coupons]
        assert times
        assert now.timestamp() - 3 * 86_400 <= min(times) <= max(times) < now.timestamp() - 86_400

    def test_a_history_of_too_many_coupons_says_since_when_it_is_whole(self, casino_a, simulated, now, monkeypatch):
        fill(casino_a, now, simulated)
        with use_casino(casino_a.current):
            whole = casino_history(casino_id=1, until=now)
            monkeypatch.setattr("recommendations.replay.casino_history.MAX_COUPONS", 100)
            cut = casino_history(casino_id=1, until=now)
        assert (whole.known_since, len(cut.coupons)) == (-inf, 100)
        assert cut.known_since == cut.coupons[0].timestamp == whole.coupons[-100].timestamp

    def test_odds_of_selections_are_valid_from_their_coupon_on(self, casino_a, now):
        with use_casino(casino_a.current):
            store_users([user_row(id=1)])
            store_events([event_row(id=5, odd=Decimal(9))])
            for days, odd in ((3, 2), (2, 2), (1, 4)):
                selection = selection_row(event_id=5, odd=Decimal(odd))
                store_coupons(
                    [coupon_row(user_id=1, timestamp=now - timedelta(days=days), recommended_events=(selection,))]
                )
            history = casino_history(casino_id=1, until=now)
        assert history.events.odds.tolist() == [2.0]
        assert [(each.timestamp, each.odd) for each in history.odds_changes] == [(now.timestamp() - 86_400, 4.0)]
        assert history.opens_at[0] == now.timestamp() - 3 * 86_400

    def test_selections_without_an_event_id_are_matched_by_teams_and_league(self, casino_a, now):
        with use_casino(casino_a.current):
            store_users([user_row(id=1)])
            event = event_row(id=5)
            store_events([event])
            names = {name: getattr(event, name) for name in ("sport", "league", "country", "home_team", "away_team")}
            for team in (event.home_team, "NOBODY"):
                selection = selection_row(**{**names, "home_team": team}, event_id=None)
                store_coupons([coupon_row(user_id=1, timestamp=now, recommended_events=(selection,))])
            history = casino_history(casino_id=1, until=now + timedelta(seconds=1))
        assert [coupon.places for coupon in history.coupons] == [(0,), ()]
        assert history.left_out == 1


class TestFitting:
    def test_fitted_models_and_live_co_bettors_are_used_from_the_next_request_on(
        self, casino_a, simulated, now, settings
    ):
        settings.TRENDS_SECONDS = 0.0
        fill(casino_a, now, simulated)
        with use_casino(casino_a.current):
            before = recommend(casino_id=1, recommender_type="hybrid", user_id=1, now=now)
            outcome = fit_models(now, 1)
            assert outcome is not None
            assert outcome.is_active
            assert outcome.explanation.startswith("Strongest predictors of the users' bets: ")
            calibration = Calibration((SlipWeights(log(0.25 / 0.75), 0.0, 0.0),))
            FittedModel.objects.create(version=1, recommender="calibration", fitted=calibration.encode(), coupons=1)
            after = recommend(casino_id=1, recommender_type="hybrid", user_id=1, now=now)
            models = find([1], now, now.timestamp()).casino_context.models
            assert isinstance(models.get(HybridModel), HybridModel)
            co_bettors = present(models.get(CoBettors))
            counted = dict(zip(co_bettors.event_ids.tolist(), co_bettors.counts.tolist(), strict=True))
        assert (before.model_version, after.model_version) == ("", "1")
        coupons = sum(each.user_id == 1 for each in simulated.coupons)
        assert coupons >= 2
        assert (before.confidence, after.confidence) == (round(coupons / (coupons + 10), 3), 0.25)
        assert after.recommended_events
        bets = {(each.user_id, int(simulated.events.ids[place])) for each in simulated.coupons for place in each.places}
        assert counted == {event: sum(other == event for _, other in bets) for event in {event for _, event in bets}}

    @pytest.mark.covered
    def test_co_bettors_are_updated_coupon_by_coupon(self, casino_a, simulated, now, settings):
        settings.TRENDS_SECONDS = 10.0
        fill(casino_a, now, simulated)
        event = int(simulated.events.ids[-1])
        with use_casino(casino_a.current):
            fit_models(now, 1)

            def number(later):
                co_bettors = present(find([1], now + later, now.timestamp()).casino_context.models.get(CoBettors))
                return float(co_bettors.counts[co_bettors.event_ids == event].sum())

            first = number(timedelta())
            bettors = {each.user_id for each in simulated.coupons if len(simulated.events) - 1 in each.places}
            user_id = next(each.user_id for each in simulated.coupons if each.user_id not in bettors)
            row = coupon_row(user_id=user_id, timestamp=now, recommended_events=(selection_row(event_id=event),))
            store_coupons([row])
            assert number(timedelta(seconds=5)) == first
            assert number(timedelta(seconds=11)) == first + 1
            assert number(timedelta(seconds=30)) == first + 1
            other_id = next(each.user_id for each in simulated.coupons if each.user_id not in {*bettors, user_id})
            late, bet_on = now - timedelta(days=1), row.recommended_events  # behind those that were counted
            store_coupons([coupon_row(user_id=other_id, timestamp=late, recommended_events=bet_on)])
            assert number(timedelta(minutes=1)) == first + 1
            assert number(RECOUNT_AFTER) == first + 2

    @pytest.mark.covered
    def test_served_features_equal_the_replayed_ones_also_after_a_restart(self, casino_a, longer, now, settings):
        settings.TRENDS_SECONDS = 0.0
        now = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)  # a replay's moment has minutes
        fill(casino_a, now - timedelta(hours=1), replace(longer, coupons=longer.coupons[:-30]))
        with use_casino(casino_a.current):
            store_users([user_row(id=each.user_id, timestamp=now) for each in longer.coupons[-30:]])
            fit_models(now, 1)
            find([1], now, now.timestamp())
            for number, each in enumerate(longer.coupons[-30:]):  # counted one by one, after all others
                store_coupons([coupon_of(each, longer.events, now - timedelta(seconds=60 - number))])
                find([each.user_id], now, now.timestamp())
            merge_casino_sums()
            live = features_served(each.user_id, now)
            model_cache.reset()
            restarted = features_served(each.user_id, now)
            replayed = features_replayed(casino_history(casino_id=1, until=now), each.user_id, now)
        assert len(replayed) >= 15
        for place, name in enumerate(NAMES):
            if name in NOT_COMPARED:
                continue
            assert name == "own country" or any(numbers[place] for numbers in replayed.values()), name
            for event_id, numbers in replayed.items():
                assert live[event_id][place] == restarted[event_id][place], name
                assert live[event_id][place] == pytest.approx(numbers[place], abs=1e-6), name

    @pytest.mark.covered
    def test_served_confidence_equals_the_replayed_one(self, casino_a, longer, now, settings):
        settings.TRENDS_SECONDS = 0.0
        fill(casino_a, now - timedelta(hours=1), longer)
        model = HybridModel({"selections": 1.0, "nearness": 0.3, "share of league": 0.2})
        calibration = Calibration((SlipWeights(0.1, 1.0, 0.2),))
        with use_casino(casino_a.current):
            stored = [("hybrid", model.encode()), ("calibration", calibration.encode())]
            store_models(stored, Fitting(coupons=1))
            state, held = state_replayed(casino_history(casino_id=1, until=now), now), 0
            confidences = set()
            for user_id in sorted({each.user_id for each in longer.coupons})[:15]:
                served = recommend(casino_id=1, recommender_type="hybrid", user_id=user_id, now=now)
                replayed = input_replayed(state, user_id, now, model)
                held += int(np.count_nonzero(~replayed.is_candidate))
                scores = RECOMMENDERS["hybrid"].score(replayed.context)
                places = slip.choose(replayed.offer, scores, replayed.rules)
                assert [each.event_id for each in served.recommended_events] == replayed.offer.ids[places].tolist()
                share = slip.shares_of(replayed.offer, scores, replayed.rules, places).item(-1)
                expected = calibration.probability(share, state.coupon_counts[user_id], len(places))
                assert served.confidence == pytest.approx(expected, abs=0.0006)
                confidences.add(served.confidence)
        assert held > 5
        assert len(confidences) > 5

    @pytest.mark.parametrize("has_hindsight", [pytest.param(True, marks=pytest.mark.exhaustive), False])
    def test_a_version_that_scores_lower_than_the_active_one_is_saved_inactive(
        self, casino_a, simulated, longer, now, has_hindsight
    ):
        """The active one was fitted to the held-out cases, or is wrong on purpose."""
        fill(casino_a, now, longer if has_hindsight else simulated)
        with use_casino(casino_a.current):
            model = HybridModel({"nearness": -5.0})
            if has_hindsight:
                learner = replay_to_fit(casino_history(casino_id=1, until=now), min_prior_coupons=1)
                assert learner.selected is not None
                model = HybridModel(learner.selected.model.weights, fit_trees(learner.recent_cases.cases()))
            store_models([("hybrid", model.encode())], Fitting(coupons=1, until=now - timedelta(days=400)))
            outcome = fit_models(now, 1)
            assert outcome is not None
            assert (outcome.version, outcome.is_active) == (2, not has_hindsight)
            assert set(FittedModel.objects.values_list("version", "is_served")) == {(1, True), (2, not has_hindsight)}
            assert find([1], now, now.timestamp()).casino_context.models.version == ("1" if has_hindsight else "2")

    @pytest.mark.no_cover
    @pytest.mark.exhaustive
    def test_an_inactive_version_is_not_used(self, casino_a, simulated, now):
        fill(casino_a, now, simulated)
        with use_casino(casino_a.current):
            fit_models(now, 1)
            fit_models(now, 1)
            FittedModel.objects.filter(version=2).update(is_served=False)
            assert find([1], now, now.timestamp()).casino_context.models.version == "1"

    @pytest.mark.exhaustive
    def test_a_fit_without_cases_for_hybrid_keeps_the_active_one_and_its_user_vectors(self, casino_a, simulated, now):
        fill(casino_a, now, simulated)
        with use_casino(casino_a.current):
            fit_models(now, 1)
            before = find([1], now, now.timestamp()).casino_context.models
            Event.objects.all().delete()  # without events there are no cases
            outcome = fit_models(now, 1)
            assert outcome is not None
            assert outcome.version == 2
            casino_context = find([1], now, now.timestamp()).casino_context
            assert casino_context.models.version == "2"
            assert present(casino_context.models.get(HybridModel)).weights == present(before.get(HybridModel)).weights
            assert np.array_equal(
                present(casino_context.models.get(UserVectors)).user_ids, present(before.get(UserVectors)).user_ids
            )
            first, second = FittedModel.objects.filter(recommender="hybrid").order_by("version")
            assert (second.until, second.scores, second.fitted_at) == (first.until, first.scores, first.fitted_at)

    def test_a_casino_with_ten_coupons_gets_a_full_slip(self, casino_a, now):
        few = simulate(replace(PARAMETERS, coupons=10))
        fill(casino_a, now, few)
        with use_casino(casino_a.current):
            fit_models(now, 1)
            slip = recommend(casino_id=1, recommender_type="hybrid", user_id=few.coupons[0].user_id, now=now)
        assert len(slip.recommended_events) == 3

    @pytest.mark.exhaustive
    def test_older_than_skips_a_casino_fitted_recently(self, casino_a, simulated, now, capsys):
        fill(casino_a, now, simulated)
        call_command("fit_models", casino=[1])
        call_command("fit_models", casino=[1], older_than=6)
        lines = capsys.readouterr().out.splitlines()
        assert "version 1. Starts from the default weights. Strongest predictors" in lines[0]
        assert "skipped: fitted within the hours of --older-than" in lines[1]

    @pytest.mark.exhaustive
    @pytest.mark.no_cover
    def test_models_of_two_casinos_differ_with_their_users(self, casino_a, casino_b, now):
        kinds = {casino_a: "crowd", casino_b: "last-minute"}
        explanations = []
        for casino, kind in kinds.items():
            simulated = SimulatedCasino(
                seed=6, users=40, coupons=250, days=30, leagues=4, events_a_day=6, preferences=USER_KINDS[kind]
            )
            fill(casino, now, simulate(simulated))
            with use_casino(casino.current):
                outcome = fit_models(now, casino.pk)
            assert outcome is not None
            explanations.append(outcome.explanation)
        assert explanations[0].startswith("Strongest predictors of the users' bets: popularity")
        assert explanations[1].startswith("Strongest predictors of the users' bets: time until the event begins")


class TestCommands:
    NAMES = ("--recommenders", "soonest", "hybrid", "--k", "3", "10")

    @pytest.fixture
    def files(self, simulated, tmp_path):
        write_files(simulated, tmp_path)
        return "--events", str(tmp_path / "events.csv"), "--coupons", str(tmp_path / "coupons.csv")

    @pytest.mark.covered
    def test_a_casinos_report_is_stored_in_its_database(self, casino_a, casino_b, simulated, now, capsys):
        fill(casino_a, now, simulated)
        call_command("evaluate", "--casino", "1", *self.NAMES)
        out = capsys.readouterr().out
        with use_casino(casino_a.current):
            found = last_report()
            assert found is not None
            _, report = found
            assert report.advice.sentence in out
            assert report.cases > 50
            assert [each.invalid for each in report.slips] == [0.0, 0.0]
        with use_casino(casino_b.current):
            assert last_report() is None

    @pytest.mark.parametrize("change", [{"slices": 5}, {"main_metric": "luck"}, None])
    def test_unreadable_report_is_none(self, casino_a, now, caplog, change):
        call_command("evaluate", "--casino", "1", "--recommenders", "soonest")
        with use_casino(casino_a.current):
            stored = Evaluation.objects.get()
            stored.report = [] if change is None else stored.report | change
            if change == {"main_metric": "luck"}:
                stored.report["slices"] = [{"name": "all", "cases": 0, "figures": [NO_METRICS]}]
            stored.save()
            assert last_report() is None
        assert "is unreadable; run evaluate" in caplog.text

    @pytest.mark.covered
    def test_only_the_latest_20_evaluations_are_stored(self, casino_a, now):
        for _ in range(23):
            call_command("evaluate", "--casino", "1", "--recommenders", "soonest")
        with use_casino(casino_a.current):
            assert Evaluation.objects.count() == 20

    def test_a_report_of_the_cold_start_is_not_stored(self, casino_a, now):
        call_command("evaluate", "--casino", "1", "--recommenders", "soonest", "--fit-first", "0")
        with use_casino(casino_a.current):
            assert last_report() is None

    def test_models_are_not_fitted_to_tested_coupons(self, simulated, files):
        before = int(len(simulated.coupons) * 0.8)
        with pytest.raises(CommandError, match=f"only {before} coupons precede the tested ones"):
            call_command("evaluate", *files, "--recommenders", "soonest", "--fit-first", str(before + 1))

    def test_slips_differ_more_with_fewer_events_of_a_league_or_sport(self, files, capsys):
        def diversity(*caps):
            call_command("evaluate", *files, "--recommenders", "soonest", "--test-fraction", "0.1", "--json", *caps)
            return json.loads(capsys.readouterr().out)["slips"][0]["diversity"]

        without = diversity()
        assert diversity("--max-per-league", "1") > without
        assert diversity("--max-per-sport", "1") > without

    def test_evaluation_of_files_gives_json_and_a_self_contained_page(self, files, tmp_path, capsys):
        page = tmp_path / "report.html"
        call_command("evaluate", *files, *self.NAMES, "--json", "--html", str(page))
        report = json.loads(capsys.readouterr().out)
        all_cases = report["slices"][0]
        assert all_cases["name"] == "all"
        assert set(all_cases["figures"][0]["metrics"]) == {"ndcg@3", "hr@3", "ndcg@10", "hr@10", "mrr"}
        html = page.read_text()
        assert html.count("<svg") >= 3
        assert "http" not in html
        assert "<script" not in html
        assert report["advice"]["sentence"].replace("'", "&#x27;") in html

    def test_a_simulation_depends_only_on_its_seed(self, simulated, tmp_path):
        again, other = simulate(PARAMETERS), simulate(replace(PARAMETERS, seed=5))
        assert again.coupons == simulated.coupons
        assert np.array_equal(again.events.odds, simulated.events.odds)
        assert other.coupons != simulated.coupons

    def test_simulate_fills_a_casino(self, casino_a, capsys):
        call_command("simulate", "--casino", "1", "--coupons", "50", "--days", "10", "--users", "9")
        with use_casino(casino_a.current):
            assert casino_history(casino_id=1, until=_tomorrow()).coupons

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "Choose a history"),
            (["--casino", "1", "--events", "x"], "not both"),
            (["--events", "x.csv", "--coupons", "y.csv"], "No such file"),
            (["--events", "x.csv", "--coupons", "y.csv", "--since", "2025-01-01"], "--since requires --casino"),
            (["--events", "x.csv", "--coupons", "y.csv", "--refit", "0d"], "is not a duration such as 12h"),
            (["--events", "x.csv", "--coupons", "y.csv", "--test-fraction", "1"], "is not a number between 0 and 1"),
            (["--events", "x.csv", "--coupons", "y.csv", "--k", "0"], "is not a whole number of at least 1"),
        ],
    )
    def test_invalid_arguments_are_rejected_with_the_reason(self, arguments, message):
        with pytest.raises(CommandError, match=message):
            call_command("evaluate", *arguments)

    def test_an_unknown_recommender_is_rejected_with_the_known_names(self, files):
        with pytest.raises(CommandError, match=r"Unknown recommender 'best'\. Use one of: static, dynamic"):
            call_command("evaluate", *files, "--recommenders", "best")

    def test_an_invalid_line_is_reported_with_its_number_and_column(self, files):
        path = files[3]
        with open(path, "a") as file:
            file.write("9999,1,five,2025-06-01T00:00:00Z,1\n")
        with pytest.raises(CommandError, match=r"coupons\.csv, line [0-9]+, column stake: 'five' is not a number"):
            call_command("evaluate", *files)


def _tomorrow():
    from django.utils import timezone

    return timezone.now() + timedelta(days=1)
