"""The last evaluation on a casino's page."""

import io

import msgspec
import pytest
from django.core.management import call_command
from django.utils import timezone

from recommendations.evaluation.bootstrap import Interval
from recommendations.evaluation.report import OutcomeMetrics, OutcomeReport, OutcomeSlice
from recommendations.evaluation.store import last_report, save_report
from recommendations.models import Evaluation
from recommendations.simulation.into_casino import store_history
from recommendations.simulation.simulate import SimulatedCasino, simulate
from recommendations.tests.present import present
from tenants.routing.context import use_casino

from .conftest import text_of


@pytest.fixture
def evaluated(casino_a, casino_b, now):
    with use_casino(casino_a.current):
        store_history(
            simulate(SimulatedCasino(seed=4, users=20, coupons=200, days=20, leagues=3, teams=6, events_a_day=6)), now
        )
    call_command("evaluate", casino=casino_a.pk, recommenders=["soonest", "trending", "static"], stdout=io.StringIO())
    return casino_a


@pytest.mark.covered
def test_page_shows_the_advice_and_every_recommenders_metric(staff, evaluated):
    page = text_of(staff, "/casinos/1/")
    with use_casino(evaluated.current):
        report = Evaluation.objects.get().report
    assert report["advice"]["sentence"] in page
    mean = report["slices"][0]["figures"][0]["metrics"][report["main_metric"]]["mean"]
    assert f"{mean:.3f}" in page
    assert page.count(">advised<") == 1


@pytest.mark.covered
def test_casino_without_evaluation_shows_none(staff, evaluated):
    assert "Last evaluation" not in text_of(staff, "/casinos/2/")


def test_page_shows_the_choice_of_the_outcome_where_bets_name_one(staff, evaluated):
    assert "Choice of the outcome" not in text_of(staff, "/casinos/1/")
    hit, loss = Interval(0.781, 0.77, 0.79), Interval(0.654, 0.64, 0.67)
    metrics = [OutcomeMetrics("outcomes", hit, loss, hit), OutcomeMetrics("shortest_odd", loss, hit, hit)]
    slices = [OutcomeSlice("all bets", 1_234, 2.5, metrics), OutcomeSlice("first bets on an event", 0, 0.0, [])]
    with use_casino(evaluated.current):
        _, report = present(last_report())
        save_report(msgspec.structs.replace(report, outcomes=OutcomeReport(slices)), timezone.now())
    page = text_of(staff, "/casinos/1/")
    for text in ("Choice of the outcome", "1,234 bets", "shortest_odd", "0.781", "0.770 to 0.790", "0.654"):
        assert text in page, text
