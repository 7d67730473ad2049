"""Checking an experiment before its start, by a casino's users and past days."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from recommendations.errors import CasinoNotConfigured
from recommendations.experiments.checking.check import check_experiment
from recommendations.experiments.checking.past_days import read_past_days
from recommendations.experiments.checking.rerandomised import FalseAlarms
from recommendations.experiments.checking.sentences import sentences_of
from recommendations.experiments.comparison import Period
from recommendations.experiments.definition import parse_definition
from recommendations.experiments.lifecycle import MAX_LIVE, create_experiment, start_experiment
from recommendations.experiments.statistics.running import running_moments
from recommendations.models import User, UserDay
from recommendations.serving.experiments.running import Metric
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

from .definitions import ab, holdout, interleaving, variant

USERS = 500
NOW = timezone.now()
TODAY = NOW.date()


@pytest.fixture
def casino(caller_a, casino_a, casino_b):
    caller_a.configure("static")
    casino_a.refresh_from_db()
    return casino_a


def lived(days=56, users=USERS):
    """Users of the current casino who bet on a tenth of these days, more or less."""
    User.objects.bulk_create([UserFactory.build(id=each + 1) for each in range(users)])
    rng = np.random.default_rng(7)
    rows = [
        UserDay(user_id=user_id, day=TODAY - timedelta(days=int(days - day)), bets=1, stake=10)
        for user_id in range(1, users + 1)
        for day in np.flatnonzero(rng.random(days) < 0.1 * rng.gamma(4.0, 0.25))
    ]
    UserDay.objects.bulk_create([*rows, UserDay(user_id=1, day=TODAY - timedelta(days=days), bets=0, answers=1)])


def check(casino, definition):
    with use_casino(casino.current):
        return check_experiment(casino, definition, NOW)


@pytest.mark.covered
def test_past_days_tell_what_can_be_found_and_how_often_nothing_is_found_to_differ(casino, casino_b, caller_b):
    with use_casino(casino.current):
        lived()
    found = check(casino, ab(planned_days=56))
    assert (found.users, found.eligible, found.past_days, found.problem) == (USERS, USERS, 28, "")
    assert 0 < found.false_alarms.low < found.false_alarms.share < found.false_alarms.high < 0.05
    assert found == check(casino, ab(planned_days=56))
    (soon,) = found.detectable
    (sooner,) = check(casino, ab(planned_days=14)).detectable
    assert 0.05 < soon.uplift < sooner.uplift < 1
    assert sooner.uplift / soon.uplift == pytest.approx(2, rel=0.01)
    caller_b.configure("static")
    casino_b.refresh_from_db()
    other = check(casino_b, ab())
    assert (other.users, other.detectable) == (0, ())


@pytest.mark.covered
@pytest.mark.parametrize("metric", list(Metric))
def test_a_rerandomised_past_has_the_sums_of_an_experiment_on_the_same_days(casino, metric):
    definition = parse_definition(ab(metric=metric), casino.options)
    with use_casino(casino.current):
        lived(users=60)
        UserDay.objects.filter(user_id__lte=20).update(recommender="static", answers=1)
        past = read_past_days(definition, np.arange(1, 61), TODAY)
        arms = np.arange(past.users) % 2
        found = running_moments(replace(past.entries(), arms=arms), past.outcomes(), looks=28)
        starts, seen = TODAY - timedelta(days=28), UserDay.objects.filter(day__gte=TODAY - timedelta(days=28))
        users = sorted(set(seen.values_list("user_id", flat=True)))
        first = {each: seen.filter(user_id=each).earliest("day").day for each in users}
        UserDay.objects.filter(recommender="static").update(experiment="trees", variant="control")
        UserDay.objects.bulk_create(
            UserDay(user_id=each, day=first[each], recommender="x", experiment="trees", answers=1, variant=name)
            for each, name in zip(users, ("control", "soon") * 60, strict=False)
        )
        UserDay.objects.filter(recommender="static", user_id__in=users[1::2]).update(variant="soon")
        expected = Period("trees", ["control", "soon"], metric, starts).read_moments(TODAY - timedelta(days=1))
    for name in ("users", "bettors", "y", "yy", "x", "xx", "xy"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name


@pytest.mark.parametrize(
    "change",
    [
        {"stake_limit": 10}, {"limit_left": 10}, {"is_withheld": True}, {"personalisation": False},
        {"status": "TIME_OUT", "status_until": NOW - timedelta(days=1)}, {"restricted_until": NOW - timedelta(days=89)},
        {"birth_year": TODAY.year - 10},
    ],
)  # fmt: skip
def test_users_whom_serving_keeps_out_are_not_eligible(casino, change):
    with use_casino(casino.current):
        UserFactory.create_batch(3)
        User.objects.filter(pk=User.objects.latest("pk").pk).update(**change)
    found = check(casino, ab())
    assert (found.users, found.eligible) == (3, 2)


@pytest.mark.covered
def test_a_short_history_is_reported_and_halved(casino):
    with use_casino(casino.current):
        lived(days=30)
    assert check(casino, ab()).past_days == 15
    with use_casino(casino.current):
        UserDay.objects.filter(day__lt=TODAY - timedelta(days=9)).delete()
    found = check(casino, ab())
    assert (found.false_alarms, found.detectable, found.eligible) == (None, (), USERS)
    assert "at least 14 days" in found.problem


def test_three_variants_and_a_holdout_are_checked_and_an_interleaving_only_in_part(casino):
    with use_casino(casino.current):
        lived()
    three = ab(variants=[variant("a"), variant("b", 0.25), variant("c", 0.25)])
    assert [each.variant for each in check(casino, three).detectable] == ["b", "c"]
    assert "Past days have bets on shown events" in "\n".join(sentences_of(check(casino, holdout())))
    mixed = check(casino, interleaving())
    assert (mixed.eligible, mixed.past_days, mixed.problem) == (USERS, 0, "")
    assert "Past days have no slips of both lists" in list(sentences_of(mixed))[-1]


def test_too_many_false_alarms_are_reported_plainly(casino):
    check_of = check(casino, ab())
    alarms = FalseAlarms(experiments=200, found=30, share=0.15, low=0.107, high=0.206)
    sentences = list(sentences_of(type(check_of)("trees", "ab", "bet_days", 28, 1.0, 9, 9, 28, false_alarms=alarms)))
    assert sentences[-1].startswith("That is significantly more: don't start it.")


def test_the_command_checks_a_file_or_a_stored_draft_and_stores_nothing(casino, casino_b, tmp_path):
    with use_casino(casino.current):
        lived()
    file = tmp_path / "trees.json"
    file.write_text(json.dumps(ab(traffic=0.5)))
    text = run("check", file, "--casino", casino.pk)
    assert "trees is valid: ab, 28 days.\n500 of 500 users may take part; with a traffic of 0.5, about 250 do." in text
    assert "days with a bet is found in four of five experiments." in text
    assert "It should be at most 5 %." in text
    with pytest.raises(CommandError, match="has no experiment named trees"):
        run("check", "trees", "--casino", casino.pk)
    run("create", file, "--casino", casino.pk)
    assert run("check", "trees", "--casino", casino.pk) == text
    assert json.loads(run("check", file, "--casino", casino.pk, "--json"))["false_alarms"]["experiments"] == 200
    with pytest.raises(CommandError, match="Casino is not configured"):
        run("check", file, "--casino", casino_b.pk)
    with pytest.raises(CasinoNotConfigured):
        check(casino_b, ab())
    run("start", "trees", "--casino", casino.pk)
    text = run("check", "trees", "--casino", casino.pk)
    assert f"It can't be started now: trees (casino {casino.pk}) is running and can't be changed: use another" in text
    file.write_text(json.dumps(ab("more", traffic=0.75)))
    text = run("check", file, "--casino", casino.pk)
    assert "It can't be started now: 75.00% of the users are needed, and only 50.00% take part in no other" in text
    file.write_text(json.dumps(ab(traffic=2)))
    with pytest.raises(CommandError, match="traffic"):
        run("check", file, "--casino", casino.pk)


def test_a_check_says_when_an_experiment_is_over_already_or_one_too_many(casino):
    assert check(casino, ab()).conflict == ""
    assert check(casino, ab(stops_at=(NOW - timedelta(hours=1)).isoformat())).conflict.endswith(": use a later time")
    for number in range(MAX_LIVE):
        create_experiment(casino=casino, definition=ab(f"small-{number}", traffic=0.01), by="a test", now=NOW)
        assert check(casino, ab(traffic=0.01)).conflict == ""
        start_experiment(casino=casino, name=f"small-{number}", by="a test", now=NOW)
    assert f"has {MAX_LIVE} running and scheduled experiments" in check(casino, ab(traffic=0.01)).conflict


def run(*arguments):
    out = StringIO()
    call_command("experiment", *map(str, arguments), stdout=out)
    return out.getvalue()
