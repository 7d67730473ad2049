"""The report of an experiment: users, verdicts, and where it can't say anything."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from recommendations.errors import ExperimentConflict
from recommendations.experiments.lifecycle import create_experiment, start_experiment, stop_experiment
from recommendations.experiments.report import report_on
from recommendations.models import UserDay
from tenants.routing.context import use_casino

from .definitions import ab, holdout, interleaving, variant

pytestmark = pytest.mark.covered

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
USERS, DAYS = 1_200, 14


@pytest.fixture
def casino(caller_a, casino_a, casino_b):
    caller_a.configure("static")
    casino_a.refresh_from_db()
    return casino_a


def started(casino, definition):
    create_experiment(casino=casino, definition=definition, by="a test", now=START)
    return start_experiment(casino=casino, name=definition["name"], by="a test", now=START)


def bought(user_id, number, **more):
    return UserDay(user_id=user_id, day=(START + timedelta(days=number)).date(), bets=1, stake=10, **more)


def answered(user_id, number, variant, experiment="trees", **more):
    values = {"recommender": "static", "experiment": experiment, "variant": variant, "answers": 1} | more
    return UserDay(user_id=user_id, day=(START + timedelta(days=number)).date(), **values)


def users_who_bet(rates, variants=("control", "soon")):
    """Rows of users who take part from the first day on; `rates`: bets a day of each variant, .1 before."""
    rng, rows = np.random.default_rng(19), []
    for user_id in range(USERS):
        arm = user_id % len(rates)
        rows.append(answered(user_id, 0, variants[arm]))
        own = rng.gamma(4.0, 0.25)
        chances = np.concatenate([np.full(28, 0.1), np.full(DAYS, rates[arm])]) * own
        rows += [bought(user_id, int(day) - 28) for day in np.flatnonzero(rng.random(28 + DAYS) < chances)]
    return rows


def report(casino, experiment, rows, days=DAYS):
    with use_casino(casino.current):
        UserDay.objects.bulk_create(rows)
        return report_on(experiment, START + timedelta(days=days - 1))


@pytest.mark.covered
def test_a_variant_that_sells_more_is_better(casino):
    found = report(casino, started(casino, ab()), users_who_bet((0.1, 0.2)))
    assert (found.state, found.metric, found.days) == ("running", "bet_days", DAYS)
    assert found.users == {"control": 600, "soon": 600}
    (soon,) = found.variants
    assert (soon.variant, soon.verdict) == ("soon", "better")
    assert soon.sentence.startswith("`soon` is better than `control`: +")
    assert 0.5 < soon.low < soon.estimate < soon.high < 1.5
    assert soon.progress > 0


@pytest.mark.covered
def test_a_report_has_a_look_of_each_day_on_which_enough_had_bet(casino):
    (soon,) = report(casino, started(casino, ab()), users_who_bet((0.1, 0.2))).variants
    days = [each.day for each in soon.looks]
    assert days == [START.date() + timedelta(days=DAYS - len(days) + number) for number in range(len(days))]
    assert 5 < len(days) <= DAYS
    last = soon.looks[-1]
    assert (last.estimate, last.low, last.high) == (soon.estimate, soon.low, soon.high)
    assert last.z > last.boundary > 0
    assert all(before.low <= after.low for before, after in pairwise(soon.looks))


@pytest.mark.covered
def test_variants_that_sell_alike_differ_by_nothing_significant(casino):
    (soon,) = report(casino, started(casino, ab()), users_who_bet((0.1, 0.1))).variants
    assert soon.verdict == "undecided"
    assert soon.sentence.startswith("No significant difference in days with a bet between `soon` and `control`")
    assert soon.low < 0 < soon.high


@pytest.mark.covered
def test_of_three_variants_each_is_compared_with_the_control(casino):
    variants = [variant("control"), variant("soon", 0.25), variant("late", 0.25)]
    rows = users_who_bet((0.1, 0.2, 0.1, 0.1), ("control", "soon", "late", "control"))
    found = report(casino, started(casino, ab(variants=variants)), rows)
    assert [(each.variant, each.verdict) for each in found.variants] == [("soon", "better"), ("late", "undecided")]


@pytest.mark.covered
def test_a_mismatch_of_users_withholds_the_verdict(casino):
    rows = [each for each in users_who_bet((0.1, 0.2)) if not (each.variant == "soon" and each.user_id % 3)]
    (soon,) = report(casino, started(casino, ab()), rows).variants
    assert (soon.verdict, soon.estimate, soon.low) == ("mismatch", None, None)


def test_without_a_history_nothing_is_said(casino):
    (soon,) = report(casino, started(casino, ab()), [answered(1, 0, "soon"), bought(1, 0)]).variants
    assert (soon.verdict, soon.estimate) == ("undecided", None)
    assert "Start it once the casino has some weeks of coupons" in soon.sentence


def test_a_holdout_compares_with_withheld_slips(casino):
    rows = [bought(each, day) for each in range(400) for day in ((-20, -3) if each % 4 else (-20,))]
    for each in range(400):
        is_shown = bool(each % 2)
        slip = {} if is_shown else {"answers": 0, "withheld": 1}
        rows.append(answered(each, 0, "shown" if is_shown else "withheld", "nothing", **slip))
        for number in range(1, 4):
            bet = {"bets": 1} if is_shown else {"withheld_bets": int(each % 8 == 0)}
            rows.append(answered(each, number, "shown" if is_shown else "withheld", "nothing", **slip, **bet))
    rows += [answered(each, -20, "", "", bets=1 + each % 2) for each in range(200)]
    found = report(casino, started(casino, holdout()), rows)
    assert found.users == {"withheld": 200, "shown": 200}
    assert found.variants[0].verdict == "better"


def test_an_interleaving_names_the_list_that_users_want(casino):
    rows = []
    for user_id in range(300):
        credit = {"credit_b": 1} if user_id % 5 else {"credit_a": 1}
        rows.append(answered(user_id, user_id % DAYS, "interleaved", "mixed", **credit))
    found = report(casino, started(casino, interleaving()), rows)
    assert (found.users, found.credits, found.metric) == ({}, {"one": 60, "other": 240}, "credits")
    (other,) = found.variants
    assert (other.variant, other.verdict) == ("other", "better")
    assert other.looks[-1].day == (START + timedelta(days=DAYS - 1)).date()
    assert other.looks[-1].low == other.low
    assert other.sentence.startswith("Users want the events of `other` more than those of `one`: it has 80 %")


def test_an_interleaving_of_two_days_can_say_nothing(casino):
    rows = [answered(each, 0, "interleaved", "mixed", credit_a=1) for each in range(50)]
    (other,) = report(casino, started(casino, interleaving()), rows, days=2).variants
    assert (other.verdict, other.estimate) == ("undecided", None)
    assert "it needs 3 days and 20 credits" in other.sentence


def test_after_its_end_nothing_more_counts(casino):
    experiment = started(casino, ab())
    stopped = stop_experiment(casino=casino, name="trees", by="a test", now=START + timedelta(days=1))
    rows = [answered(1, 0, "control"), bought(1, 0), answered(2, 3, "soon"), bought(1, 3)]
    found = report(casino, stopped, rows)
    assert (found.state, found.days, found.users) == ("stopped", 2, {"control": 1, "soon": 0})
    assert experiment.pk == stopped.pk


def test_another_casinos_users_are_not_counted(casino, casino_b):
    with use_casino(casino_b.current):
        UserDay.objects.bulk_create([answered(1, 0, "soon"), bought(1, 0)])
    assert report(casino, started(casino, ab()), []).users == {"control": 0, "soon": 0}


def test_a_draft_has_no_report(casino):
    draft = create_experiment(casino=casino, definition=ab(), by="a test", now=START)
    with use_casino(casino.current), pytest.raises(ExperimentConflict, match="is draft: a report is available once"):
        report_on(draft, START)
