"""The pages of a casino's experiments."""

from datetime import timedelta

import pytest

from recommendations.experiments.lifecycle import create_experiment, start_experiment, stop_experiment
from recommendations.experiments.looking import take_look
from recommendations.models import UserDay
from recommendations.tests.experiments.definitions import ab, interleaving
from recommendations.tests.experiments.test_report import DAYS, START, answered, users_who_bet
from tenants.models import Casino, CasinoState, Experiment
from tenants.routing.context import use_casino

from .conftest import staff_client, text_of

URL = "/casinos/1/experiments/"


def ran(casino, definition, rows):
    """An experiment of the past that ran for `DAYS` days, with these users' days."""
    casino.refresh_from_db()
    create_experiment(casino=casino, definition=definition, by="a test", now=START)
    start_experiment(casino=casino, name=definition["name"], by="a test", now=START)
    stop_experiment(casino=casino, name=definition["name"], by="a test", now=START + timedelta(days=DAYS - 1))
    with use_casino(casino.current):
        UserDay.objects.bulk_create(rows)


def test_a_casino_without_experiments_says_how_to_create_one(staff, filled):
    assert "manage.py experiment create FILE --casino 1" in text_of(staff, URL)


def test_the_list_has_state_users_and_verdict_and_no_other_casinos_experiments(staff, filled, casino_a, casino_b, now):
    ran(casino_a, ab(), users_who_bet((0.1, 0.2)))
    create_experiment(casino=casino_b, definition=ab("of-beta"), by="a test", now=now)
    page = text_of(staff, URL)
    assert "<code>soon</code> is better than <code>control</code>: +" in page
    assert '<span class="rs-state rs-state-stopped">stopped</span>' in page
    assert ">1,200<" in page
    assert "of-beta" not in page
    assert "of-beta" in text_of(staff, "/casinos/2/experiments/")
    assert staff.get("/casinos/1/experiments/of-beta/").status_code == 404


@pytest.mark.covered
def test_an_experiment_shows_the_reports_sentence_variants_and_the_interval_by_day(staff, filled, casino_a):
    ran(casino_a, ab(), users_who_bet((0.1, 0.2)))
    answer = staff.get(f"{URL}trees/")
    page, report = answer.content.decode(), answer.context["report"]
    assert report.variants[0].sentence.replace("`soon`", "<code>soon</code>").split("`")[0] in page
    assert [(arm.name, arm.users) for arm in answer.context["arms"]] == [("control", 600), ("soon", 600)]
    difference, evidence = answer.context["charts"]
    assert len(difference.rows) == len(evidence.rows) == len(report.variants[0].looks)
    assert page.count('class="chart-boundary"') == 2 * len(evidence.rows)
    assert "No sample ratio mismatch" in page


@pytest.mark.covered
def test_a_mismatch_is_reported_and_nothing_compared(staff, filled, casino_a):
    rows = [each for each in users_who_bet((0.1, 0.2)) if not (each.variant == "soon" and each.user_id % 3)]
    ran(casino_a, ab(), rows)
    answer = staff.get(f"{URL}trees/")
    assert "Sample ratio mismatch: the users" in answer.content.decode()
    assert answer.context["charts"] == []


@pytest.mark.covered
def test_a_running_experiment_that_was_not_looked_at_lately_says_so_with_the_command(staff, filled, casino_a):
    casino_a.refresh_from_db()
    create_experiment(casino=casino_a, definition=ab(guards=[]), by="a test", now=START)
    experiment = start_experiment(casino=casino_a, name="trees", by="a test", now=START)
    never = text_of(staff, f"{URL}trees/")
    with use_casino(casino_a.current):
        UserDay.objects.bulk_create(users_who_bet((0.1, 0.1)))
        assert "None since 1 Jun 2026 09:00 UTC" not in never  # no history: a look would store nothing
        assert "None since 1 Jun 2026 09:00 UTC, so no guard was evaluated" in text_of(staff, f"{URL}trees/")
        take_look(experiment, START + timedelta(days=DAYS - 1))
    page = text_of(staff, f"{URL}trees/")
    assert "more than 3 hours ago" in page
    assert "None since" not in page
    assert "manage.py experiment look trees --casino 1" in page


@pytest.mark.covered
def test_a_guard_that_is_broken_shows_since_when(staff, filled, casino_a):
    ran(casino_a, ab(guards=["bet_days", "latency"]), users_who_bet((0.3, 0.1)))
    with use_casino(casino_a.current):
        take_look(Experiment.objects.get(), START + timedelta(days=DAYS))
    page = text_of(staff, f"{URL}trees/")
    assert "days with a bet fell by more than 5 %" in page
    assert ">since " in page
    assert "not known yet" in page


def test_a_guard_of_a_share_shows_points_and_another_a_percentage(staff, filled, casino_a):
    rows = users_who_bet((0.3, 0.1))
    for each in rows:
        each.empty = int(each.variant == "soon" and each.user_id % 10 == 1)
    ran(casino_a, ab(guards=["bet_days", "empty"]), rows)
    with use_casino(casino_a.current):
        take_look(Experiment.objects.get(), START + timedelta(days=DAYS))
    answer = staff.get(f"{URL}trees/")
    estimates = {each.guard: each.estimate for each in answer.context["report"].guards}
    assert f"{estimates['empty'] * 100:+.1f} points<" in answer.content.decode()
    assert f"{estimates['bet_days'] * 100:+.1f} %<".replace("-", "\N{MINUS SIGN}") in answer.content.decode()


def test_an_interleaving_shows_its_credits(staff, filled, casino_a):
    rows = [answered(each, each % DAYS, "interleaved", "mixed", credit_b=1) for each in range(300)]
    ran(casino_a, interleaving(), rows)
    page = text_of(staff, f"{URL}mixed/")
    assert "Bets credited: <code>one</code> 0, <code>other</code> 300" in page
    assert "Preference: other against one" in page
    assert "<dt>Guards</dt><dd>none</dd>" in page


@pytest.mark.covered
@pytest.mark.parametrize(("days", "notice"), [(None, "A draft: no user takes part"), (2, "It begins on")])
def test_before_it_has_begun_an_experiment_says_so(staff, filled, casino_a, now, days, notice):
    casino_a.refresh_from_db()
    begins = {"starts_at": (now + timedelta(days=days)).isoformat()} if days else {}
    create_experiment(casino=casino_a, definition=ab(**begins), by="a test", now=now)
    if days:
        start_experiment(casino=casino_a, name="trees", by="a test", now=now)
    assert notice in text_of(staff, f"{URL}trees/")
    assert "Not begun." in text_of(staff, URL)


def test_an_unavailable_casino_shows_the_reason_and_the_command(staff, filled, casino_a):
    ran(casino_a, ab(), [])
    Casino.objects.filter(pk=casino_a.pk).update(state=CasinoState.CREATING)
    page = text_of(staff, URL)
    assert "This casino has no database to read" in text_of(staff, f"{URL}trees/")
    assert "This casino has no database to read" in page
    assert "take longer than this page may" not in page
    assert Experiment.objects.count() == 1


def test_it_requires_the_permission_for_experiments(filled):
    assert staff_client("tenants.view_casino").get(URL).status_code == 403
    assert staff_client("tenants.view_experiment").get(URL).status_code == 200
