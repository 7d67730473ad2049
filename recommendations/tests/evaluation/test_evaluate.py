"""Evaluation and learning on a casino's own database: what is read, kept, and served from the next request on."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from recommendations.evaluation.store import last_report
from recommendations.fitted_models.store import Fitting, store_models
from recommendations.learning.lambdarank import fit_trees
from recommendations.models import Evaluation, Event, FittedModel
from recommendations.recommenders.hybrid import Model
from recommendations.replay.casino_history import casino_history
from recommendations.replay.replay import replay_to_fit
from recommendations.services import recommend
from recommendations.serving.load import find
from recommendations.simulation.into_casino import store_history
from recommendations.simulation.simulate import USER_KINDS, SimulatedCasino, simulate, write_files
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.factories import coupon_row, event_row, selection_row, user_row
from recommendations.training import fit_models
from tenants.routing.context import use_casino

WORLD = SimulatedCasino(seed=4, users=30, coupons=400, days=30, leagues=3, teams=6, events_a_day=6)


@pytest.fixture(scope="module")
def world():
    return simulate(WORLD)


def fill(casino, now, history):
    with use_casino(casino.current):
        store_history(history, now)


class TestHistory:
    def test_what_is_stored_is_what_is_replayed(self, casino_a, casino_b, world, now):
        fill(casino_a, now, world)
        with use_casino(casino_a.current):
            history = casino_history(casino_id=1, until=now + timedelta(seconds=1))
        assert len(history.coupons) == len(world.coupons)
        assert [each.user_id for each in history.coupons] == [each.user_id for each in world.coupons]
        bet_on = [[history.events.home_team[place] for place in each.places] for each in history.coupons[:50]]
        assert bet_on == [[world.events.home_team[place] for place in each.places] for each in world.coupons[:50]]
        with use_casino(casino_b.current):
            assert casino_history(casino_id=2, until=now).coupons == []

    def test_since_and_until_say_which_coupons(self, casino_a, world, now):
        fill(casino_a, now, world)
        with use_casino(casino_a.current):
            history = casino_history(casino_id=1, since=now - timedelta(days=3), until=now - timedelta(days=1))
        times = [coupon.timestamp for coupon in history.coupons]
        assert times
        assert now.timestamp() - 3 * 86_400 <= min(times) <= max(times) < now.timestamp() - 86_400

    def test_the_odds_of_selections_hold_from_then_on(self, casino_a, now):
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

    def test_selections_without_an_id_are_found_by_their_match(self, casino_a, now):
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
    def test_what_was_learnt_serves_from_the_next_request_on_with_live_crowds(self, casino_a, world, now, settings):
        settings.TRENDS_SECONDS = 0.0
        fill(casino_a, now, world)
        with use_casino(casino_a.current):
            before = recommend(casino_id=1, recommender_type="hybrid", user_id=1, now=now)
            outcome = fit_models(now, 1)
            assert outcome is not None
            assert outcome.is_served
            assert outcome.words.startswith("The users go by ")
            after = recommend(casino_id=1, recommender_type="hybrid", user_id=1, now=now)
            models = find([1], now, now.timestamp()).casino_context.models
            assert isinstance(models["hybrid"], Model)
            counted = dict(
                zip(models["co_bettors"].event_ids.tolist(), models["co_bettors"].counts.tolist(), strict=True)
            )
        assert (before.model_version, after.model_version) == ("", "1")
        assert after.recommended_events
        bets = {(each.user_id, int(world.events.ids[place])) for each in world.coupons for place in each.places}
        assert counted == {event: sum(other == event for _, other in bets) for event in {event for _, event in bets}}

    def test_crowds_follow_coupon_by_coupon(self, casino_a, world, now, settings):
        settings.TRENDS_SECONDS = 10.0
        fill(casino_a, now, world)
        event = int(world.events.ids[-1])
        with use_casino(casino_a.current):
            fit_models(now, 1)

            def number(later):
                co_bettors = find([1], now + later, now.timestamp()).casino_context.models["co_bettors"]
                return float(co_bettors.counts[co_bettors.event_ids == event].sum())

            first = number(timedelta())
            bettors = {each.user_id for each in world.coupons if len(world.events) - 1 in each.places}
            user_id = next(each.user_id for each in world.coupons if each.user_id not in bettors)
            row = coupon_row(user_id=user_id, timestamp=now, recommended_events=(selection_row(event_id=event),))
            store_coupons([row])
            assert number(timedelta(seconds=5)) == first
            assert number(timedelta(seconds=11)) == first + 1
            assert number(timedelta(seconds=30)) == first + 1

    @pytest.mark.parametrize("has_hindsight", [True, False])
    def test_a_version_that_does_worse_is_kept_and_not_served(self, casino_a, world, now, has_hindsight):
        """Than one that has seen already what is held out, or than one that is wrong on purpose."""
        fill(casino_a, now, world)
        with use_casino(casino_a.current):
            model = Model({"nearness": -5.0})
            if has_hindsight:
                learner = replay_to_fit(casino_history(casino_id=1, until=now), min_prior_coupons=1)
                assert learner.learnt is not None
                model = Model(learner.learnt.model.weights, fit_trees(learner.book.cases()))
            store_models([("hybrid", model.encode())], Fitting(coupons=1, until=now - timedelta(days=400)))
            outcome = fit_models(now, 1)
            assert outcome is not None
            assert (outcome.version, outcome.is_served) == (2, not has_hindsight)
            assert set(FittedModel.objects.values_list("version", "is_served")) == {(1, True), (2, not has_hindsight)}
            assert find([1], now, now.timestamp()).casino_context.model_version == ("1" if has_hindsight else "2")

    def test_a_version_that_is_not_served_is_not_asked(self, casino_a, world, now):
        fill(casino_a, now, world)
        with use_casino(casino_a.current):
            fit_models(now, 1)
            fit_models(now, 1)
            FittedModel.objects.filter(version=2).update(is_served=False)
            assert find([1], now, now.timestamp()).casino_context.model_version == "1"

    def test_a_fit_that_learns_nothing_for_hybrid_leaves_the_present_one_and_its_tastes(self, casino_a, world, now):
        fill(casino_a, now, world)
        with use_casino(casino_a.current):
            fit_models(now, 1)
            before = find([1], now, now.timestamp()).casino_context.models
            Event.objects.all().delete()  # what nobody can bet on makes no case
            outcome = fit_models(now, 1)
            assert outcome is not None
            assert outcome.version == 2
            casino_context = find([1], now, now.timestamp()).casino_context
            assert casino_context.model_version == "2"
            assert casino_context.models["hybrid"].weights == before["hybrid"].weights
            assert np.array_equal(casino_context.models["tastes"].user_ids, before["tastes"].user_ids)
            first, second = FittedModel.objects.filter(recommender="hybrid").order_by("version")
            assert (second.until, second.scores, second.fitted_at) == (first.until, first.scores, first.fitted_at)

    def test_a_casino_with_ten_coupons_gets_a_sane_answer(self, casino_a, now):
        few = simulate(replace(WORLD, coupons=10))
        fill(casino_a, now, few)
        with use_casino(casino_a.current):
            fit_models(now, 1)
            slip = recommend(casino_id=1, recommender_type="hybrid", user_id=few.coupons[0].user_id, now=now)
        assert len(slip.recommended_events) == 3

    def test_one_fitted_lately_is_passed_over(self, casino_a, world, now, capsys):
        fill(casino_a, now, world)
        call_command("fit_models", casino=[1])
        call_command("fit_models", casino=[1], older_than=6)
        said = capsys.readouterr().out.splitlines()
        assert "version 1. The users go by" in said[0]
        assert "fitted lately" in said[1]

    def test_what_two_casinos_learn_differs_as_their_users_do(self, casino_a, casino_b, now):
        worlds = {casino_a: "crowd", casino_b: "last-minute"}
        said = []
        for casino, kind in worlds.items():
            world = SimulatedCasino(seed=6, users=40, coupons=500, days=30, leagues=4, preferences=USER_KINDS[kind])
            fill(casino, now, simulate(world))
            with use_casino(casino.current):
                outcome = fit_models(now, casino.pk)
            assert outcome is not None
            said.append(outcome.words)
        assert said[0].startswith("The users go by what everybody bets on")
        assert said[1].startswith("The users go by what begins soon")


class TestCommands:
    NAMES = ("--recommenders", "soonest", "hybrid", "--k", "3", "10")

    @pytest.fixture
    def files(self, world, tmp_path):
        write_files(world, tmp_path)
        return "--events", str(tmp_path / "events.csv"), "--coupons", str(tmp_path / "coupons.csv")

    def test_a_casinos_evaluation_is_kept_for_its_page(self, casino_a, casino_b, world, now, capsys):
        fill(casino_a, now, world)
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

    def test_only_the_latest_evaluations_are_kept(self, casino_a, now):
        for _ in range(23):
            call_command("evaluate", "--casino", "1", "--recommenders", "soonest")
        with use_casino(casino_a.current):
            assert Evaluation.objects.count() == 20

    def test_files_give_json_and_a_page_that_needs_nothing_else(self, files, tmp_path, capsys):
        page = tmp_path / "report.html"
        call_command("evaluate", *files, *self.NAMES, "--json", "--html", str(page))
        report = json.loads(capsys.readouterr().out)
        everything = report["slices"][0]
        assert everything["name"] == "all"
        assert set(everything["figures"][0]["metrics"]) == {"ndcg@3", "hr@3", "ndcg@10", "hr@10", "mrr"}
        html = page.read_text()
        assert html.count("<svg") >= 3
        assert "http" not in html
        assert "<script" not in html
        assert report["advice"]["sentence"].replace("'", "&#x27;") in html

    def test_the_same_seed_simulates_the_same_and_another_another(self, world, tmp_path):
        again, other = simulate(WORLD), simulate(replace(WORLD, seed=5))
        assert again.coupons == world.coupons
        assert np.array_equal(again.events.odds, world.events.odds)
        assert other.coupons != world.coupons

    def test_simulate_fills_a_casino(self, casino_a, capsys):
        call_command("simulate", "--casino", "1", "--coupons", "50", "--days", "10", "--users", "9")
        with use_casino(casino_a.current):
            assert casino_history(casino_id=1, until=_tomorrow()).coupons

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ([], "Say whose history"),
            (["--casino", "1", "--events", "x"], "not both"),
            (["--events", "x.csv", "--coupons", "y.csv"], "No such file"),
            (["--events", "x.csv", "--coupons", "y.csv", "--since", "2025-01-01"], "--since goes with --casino"),
            (["--events", "x.csv", "--coupons", "y.csv", "--refit", "0d"], "is no time as 12h"),
            (["--events", "x.csv", "--coupons", "y.csv", "--test-fraction", "1"], "is no number between 0 and 1"),
            (["--events", "x.csv", "--coupons", "y.csv", "--k", "0"], "is no whole number from 1"),
        ],
    )
    def test_what_can_not_be_evaluated_is_said(self, words, said):
        with pytest.raises(CommandError, match=said):
            call_command("evaluate", *words)

    def test_an_unknown_recommender_is_said_with_those_there_are(self, files):
        with pytest.raises(CommandError, match=r"There is no recommender best\. There are: static, dynamic"):
            call_command("evaluate", *files, "--recommenders", "best")

    def test_a_broken_line_is_said_with_its_place(self, files):
        path = files[3]
        with open(path, "a") as file:
            file.write("9999,1,five,2025-06-01T00:00:00Z,1\n")
        with pytest.raises(CommandError, match=r"coupons\.csv, line [0-9]+, column stake: 'five' is no number"):
            call_command("evaluate", *files)


def _tomorrow():
    from django.utils import timezone

    return timezone.now() + timedelta(days=1)
