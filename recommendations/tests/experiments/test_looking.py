"""Looks at running experiments: what is stored, what guards find, and what stops an experiment."""

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import ProgrammingError

from recommendations.experiments.lifecycle import find_experiment, stop_experiment
from recommendations.experiments.looking import find_broken, is_due, stop_by_guard, take_look
from recommendations.experiments.report import report_on
from recommendations.experiments.stored_looks import looks_of
from recommendations.models import ExperimentLook, ServedSlip, UserDay
from recommendations.storing import store_recommendations
from recommendations.tests.factories import UserFactory, served_row
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

from .definitions import ab, holdout, interleaving
from .test_report import DAYS, START, answered, bought, started, users_who_bet

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
END = START + timedelta(days=DAYS - 1)


@pytest.fixture
def casino(caller_a, casino_a, casino_b):
    caller_a.configure("static")
    casino_a.refresh_from_db()
    return casino_a


def look(casino, experiment, rows, *times):
    with use_casino(casino.current):
        UserDay.objects.bulk_create(rows)
        return [take_look(experiment, each) for each in times or (END,)]


def broken(casino, experiment):
    with use_casino(casino.current):
        return find_broken(experiment, END)


def report(casino, experiment, now=END):
    with use_casino(casino.current):
        return report_on(experiment, now)


def states(casino, experiment):
    return {each.guard: each.state for each in report(casino, experiment).guards}


def test_a_report_of_stored_looks_says_what_a_computed_one_says(casino):
    experiment = started(casino, ab(second_metric="turnover", guards=[]))
    rows = users_who_bet((0.1, 0.2))
    with use_casino(casino.current):
        UserDay.objects.bulk_create(rows)
    computed = report(casino, experiment)
    look(casino, experiment, [])
    stored = report(casino, experiment, END + 3 * HOUR)
    assert (stored.users, stored.looked_at) == (computed.users, computed.looked_at)
    assert stored.variants == computed.variants
    assert (computed.second, len(stored.second)) == ((), 1)
    assert stored.second[0].metric == "turnover"
    assert stored.second[0].low > 0
    assert [each.day for each in stored.variants[0].looks][-1] == END.date()


@pytest.mark.covered
def test_later_looks_add_one_row_each_and_none_changes_what_was_stored(casino):
    experiment = started(casino, ab(guards=[]))
    assert look(casino, experiment, users_who_bet((0.1, 0.2)), END, END + HOUR, END) == [True, True, False]
    with use_casino(casino.current):
        (course,) = looks_of(experiment)
        assert ExperimentLook.objects.count() == len(course.times) == DAYS + 1
        assert course.times[-2:] == (END, END + HOUR)
        assert course.looks.z[-1] == pytest.approx(course.looks.z[-2])
        assert course.first_significant_at is not None
        assert not is_due(experiment, END + HOUR)
        assert is_due(experiment, END + 2 * HOUR)


def test_one_that_ended_is_looked_at_once_more(casino):
    experiment = started(casino, ab(guards=[]))
    look(casino, experiment, users_who_bet((0.1, 0.1)), END)
    stopped = stop_experiment(casino=casino, name="trees", by="a test", now=END + HOUR)
    with use_casino(casino.current):
        assert is_due(stopped, END + 9 * HOUR)
        assert take_look(stopped, END + 9 * HOUR)
        assert not is_due(stopped, END + 10 * HOUR)
        assert looks_of(stopped)[0].times[-1] == END + HOUR


@pytest.mark.covered
def test_without_a_last_look_a_report_keeps_what_was_found_and_computes_the_rest(casino):
    experiment = started(casino, ab(second_metric="turnover", guards=[]))
    rows = users_who_bet((0.1, 0.2))
    for each in rows:
        each.stake = 10 if each.bets else 0
    late = [each for each in rows if each.day > END.date() - timedelta(days=3)]
    look(casino, experiment, [each for each in rows if each not in late], END - 72 * HOUR)
    stopped = stop_experiment(casino=casino, name="trees", by="a test", now=END)
    with use_casino(casino.current):
        ExperimentLook.objects.filter(metric="bet_days").update(low=0.9, high=3)  # as an hourly look had found
        UserDay.objects.bulk_create(late)
    found = report(casino, stopped, END + 72 * HOUR)
    assert (found.looked_at, found.variants[0].low, found.variants[0].looks[-1].day) == (END, 0.9, END.date())
    (second,) = found.second
    look(casino, stopped, [], END + 72 * HOUR)
    final = report(casino, stopped, END + 72 * HOUR)
    assert (final.variants, final.second) == (found.variants, (second,))


@pytest.mark.covered
def test_one_that_stopped_at_midnight_ends_with_the_day_before(casino):
    started(casino, ab(guards=[]))
    midnight = END.replace(hour=0)
    stopped = stop_experiment(casino=casino, name="trees", by="a test", now=midnight)
    assert look(casino, stopped, users_who_bet((0.1, 0.2)), END) == [True]
    with use_casino(casino.current):
        assert looks_of(stopped)[0].times[-2:] == (midnight - 24 * HOUR, midnight)
    assert report(casino, stopped).days == DAYS - 1


@pytest.mark.covered
@pytest.mark.parametrize(
    ("rates", "stake", "words"),
    [
        ((0.1, 0.2), 10, "soon: capped stakes rose by more than 5 %"),
        ((0.2, 0.1), 10, "soon: days with a bet fell by more than 5 %"),
        ((0.1, 0.1), 10, ""),
    ],
)
def test_a_guard_finds_what_gets_much_worse(casino, casino_b, rates, stake, words):
    experiment = started(casino, ab())
    look(casino, experiment, users_who_bet(rates))
    assert broken(casino, experiment) == words
    with use_casino(casino_b.current):
        assert find_broken(experiment, END) == ""


@pytest.mark.covered
@pytest.mark.parametrize(("name", "guard"), [("empty", "empty"), ("refused", "refused")])
def test_answers_without_events_break_a_guard_though_the_control_has_none(casino, name, guard):
    experiment = started(casino, ab())
    rows = [bought(each, day) for each in range(400) for day in (-20, -3 - each % 5)]
    for each in range(400):
        variant = ("control", "soon")[each % 2]
        more = {name: 1} if each % 10 == 1 else {}
        rows += [answered(each, number, variant, **more) for number in range(5)]
    rows += [answered(each, -1 - each % 3, "", "") for each in range(300)]
    look(casino, experiment, rows)
    found = states(casino, experiment)
    assert (found[guard], sorted(found.values()).count("broken")) == ("broken", 1)
    (row,) = [each for each in report(casino, experiment).guards if each.guard == guard]
    assert (row.estimate, row.broken_at) == (pytest.approx(0.2, abs=0.02), END)


def test_answers_that_are_slow_at_three_looks_break_a_guard(casino):
    experiment, times = started(casino, ab(guards=["latency"])), [END + number * HOUR for number in range(4)]
    rows = [
        served_row(
            1 + at * 1_000 + each, timestamp=times[at] - HOUR / 2, experiment="trees",
            variant=("control", "soon")[each % 2], took_ms=10.0 * (1 + each % 2 * (at > 0)),
        )
        for at in range(4) for each in range(220)
    ]  # fmt: skip
    with use_casino(casino.current):
        UserFactory.create(id=7)
        store_recommendations(rows)
    look(casino, experiment, [], times[0] - HOUR)
    assert states(casino, experiment) == {"latency": "unknown"}
    look(casino, experiment, [], *times[:3])
    assert states(casino, experiment) == {"latency": "holds"}
    look(casino, experiment, [], times[3])
    assert states(casino, experiment) == {"latency": "broken"}


def test_three_looks_within_minutes_after_a_slow_hour_are_one(casino):
    experiment, minute = started(casino, ab(guards=["latency"])), HOUR / 60
    rows = [
        served_row(
            1 + each, timestamp=END - (each % 170) * minute, experiment="trees",
            variant=("control", "soon")[each // 170 % 2], took_ms=10.0 * (1 + each // 170 % 2),
        )
        for each in range(170 * 8)
    ]  # fmt: skip
    with use_casino(casino.current):
        UserFactory.create(id=7)
        store_recommendations(rows)
    look(casino, experiment, [], *(END - 100 * minute + number * minute for number in (0, 1, 2, 50)))
    assert states(casino, experiment) == {"latency": "holds"}
    look(casino, experiment, [], END - minute)
    assert states(casino, experiment) == {"latency": "holds"}
    look(casino, experiment, [], END)
    assert states(casino, experiment) == {"latency": "broken"}


@pytest.mark.covered
def test_of_two_processes_one_stops_the_experiment_and_the_verdict_names_the_guard(casino):
    experiment = started(casino, ab())
    look(casino, experiment, users_who_bet((0.2, 0.1)))
    words = broken(casino, experiment)
    assert [stop_by_guard(experiment, words, END), stop_by_guard(experiment, words, END)] == [True, False]
    stopped = find_experiment(casino, "trees")
    assert (stopped.stopped_by, stopped.stops_at) == ("guard", END)
    (soon,) = report(casino, stopped).variants
    assert (soon.verdict, soon.sentence) == (
        "stopped_by_guard",
        "`soon` was stopped by the guard: days with a bet fell by more than 5 %.",
    )


def test_with_auto_stop_off_a_broken_guard_is_reported_and_stops_nothing(casino, caplog):
    experiment = started(casino, ab(auto_stop=False))
    look(casino, experiment, users_who_bet((0.2, 0.1)))
    assert broken(casino, experiment) == ""
    assert "broke a guard and continues" in caplog.text
    assert states(casino, experiment)["bet_days"] == "broken"


@pytest.mark.covered
def test_a_margin_that_is_ruled_out_is_no_worse(casino):
    experiment = started(casino, ab(margin=0.5, guards=[]))
    look(casino, experiment, users_who_bet((0.1, 0.1)))
    (soon,) = report(casino, experiment).variants
    assert (soon.verdict, "A loss of 50 % or more is ruled out." in soon.sentence) == ("no_worse", True)


def test_a_holdout_is_never_stopped_and_an_interleaving_has_no_guards(casino):
    nothing = started(casino, holdout(traffic=0.5))
    assert [each.guard for each in report(casino, nothing).guards] == ["stakes", "bet_days"]
    mixed = started(casino, interleaving(traffic=0.5))
    rows = [answered(each, each % DAYS, "interleaved", "mixed", credit_b=1) for each in range(100)]
    look(casino, mixed, rows)
    assert report(casino, mixed).guards == ()
    assert report(casino, mixed).credits == {"one": 0, "other": 100}
    assert broken(casino, mixed) == broken(casino, nothing) == ""


def slips(casino, first, *began, at=START, left=""):
    """A slip of each of these users, from the number `first` on, begun by its list; none began the last user's. Of the
    draft's own events, those of the teams in `left` are left."""
    with use_casino(casino.current):
        ServedSlip.objects.bulk_create(
            ServedSlip(
                recommendation_id=uuid4(), user_id=first + number, timestamp=at,
                recommender="one+other", asked_for="one+other", stake=1, currency="EUR", experiment="mixed",
                variant="interleaved", events=[{"event_id": 5} | ({"first_team": team} if team else {}),
                *({"event_id": 6 + place, "team": each} for place, each in enumerate(left))],
            )
            for number, team in enumerate((*began, ""))
        )  # fmt: skip


def coins(casino):
    with use_casino(casino.current):
        found = ExperimentLook.objects.filter(guard="coins").order_by("looked_at")
        return list(found.values_list("control_users", "users", "is_broken"))


def test_an_interleaving_one_of_whose_lists_begins_too_often_is_a_mismatch(casino, casino_b):
    experiment = started(casino, interleaving())
    slips(casino, 1, *"AB" * 60)
    slips(casino, 1, *"AB" * 60, at=START + HOUR / 2)  # of the same coins
    slips(casino_b, 1, *"A" * 900)
    rows = [answered(each, each % 14, "interleaved", "mixed", credit_b=each % 2) for each in range(300)]
    look(casino, experiment, rows, END)
    assert coins(casino) == [(60, 60, False)] * (DAYS - 1)
    assert report(casino, experiment, END).variants[0].verdict == "better"
    slips(casino, 500, *"A" * 300, at=END + 2 * HOUR)
    look(casino, experiment, [], END + 2 * HOUR, END + 3 * HOUR, END + 3.5 * HOUR)
    assert coins(casino)[-3:] == [(60, 60, False), (60, 60, False), (360, 60, True)]
    (other,) = report(casino, experiment, END + 4 * HOUR).variants
    assert (other.verdict, other.estimate) == ("mismatch", None)
    assert "one list began more of the slips than the planned half" in other.sentence


def test_the_first_look_after_an_outage_counts_the_coins_of_all_days_and_tells_a_mismatch(casino):
    experiment = started(casino, interleaving())
    slips(casino, 1, "A", "B", at=START + HOUR / 2)
    slips(casino, 1, *"A" * 300, at=START + 2.6 * DAY)
    late = START + 3.5 * DAY
    rows = [answered(each, each % 4, "interleaved", "mixed", credit_b=each % 2) for each in range(300)]
    assert look(casino, experiment, rows, late, late) == [True, False]
    assert coins(casino) == [(1, 1, False), (1, 1, False), (301, 1, True), (301, 1, True)]
    with use_casino(casino.current):
        times = ExperimentLook.objects.filter(guard="coins").order_by("looked_at").values_list("looked_at", flat=True)
        assert list(times) == [START + DAY, START + 2 * DAY, START + 3 * DAY, late]
    found = report(casino, experiment, late + HOUR)
    assert (found.variants[0].verdict, found.is_outdated) == ("mismatch", False)
    slips(casino, 1, *"BB", at=late + 2 * DAY)
    stopped = stop_experiment(casino=casino, name="mixed", by="a test", now=late + 3 * DAY)
    look(casino, stopped, [], late + 9 * DAY)
    assert coins(casino)[-3:] == [(301, 1, True), (301, 1, True), (301, 3, True)]


def test_a_look_that_fails_keeps_the_days_whose_coins_it_counted(casino):
    experiment = started(casino, interleaving())
    slips(casino, 1, "A", "B", at=START + HOUR / 2)
    rows = [answered(each, each % DAYS, "interleaved", "mixed", credit_b=each % 2) for each in range(300)]
    with use_casino(casino.current):
        execute("ALTER TABLE user_days RENAME TO elsewhere")
        with pytest.raises(ProgrammingError):
            take_look(experiment, END)
        execute("ALTER TABLE elsewhere RENAME TO user_days")
        counted = set(ExperimentLook.objects.values_list("pk", flat=True))
        assert (coins(casino), is_due(experiment, END)) == ([(1, 1, False)] * (DAYS - 2), True)
    look(casino, experiment, rows, END)
    with use_casino(casino.current):
        assert counted < set(ExperimentLook.objects.filter(guard="coins").values_list("pk", flat=True))
        (course,) = looks_of(experiment)
    assert (len(coins(casino)), course.times[-1]) == (DAYS - 1, END)
    assert len(course.times) > 1  # each day's end, as at a first look


def test_a_list_whose_events_have_no_price_more_often_is_no_mismatch(casino):
    experiment = started(casino, interleaving())
    slips(casino, 1, *"AB" * 300, left="B")
    look(casino, experiment, [], END)
    assert coins(casino)[-1] == (300, 300, False)


def test_a_report_is_outdated_when_a_running_experiment_was_not_looked_at_for_three_hours(casino):
    experiment = started(casino, ab(guards=[]))
    look(casino, experiment, users_who_bet((0.1, 0.1)), END)
    assert not report(casino, experiment, END + 3 * HOUR).is_outdated
    late = report(casino, experiment, END + 3.1 * HOUR)
    assert (late.is_outdated, late.looked_at) == (True, END)
    output = StringIO()
    call_command("experiment", "report", "trees", "--casino", str(casino.pk), stdout=output)
    assert "3 hours ago. Look now, or each hour: manage.py experiment look trees --casino 1" in output.getvalue()
    stopped = stop_experiment(casino=casino, name="trees", by="a test", now=END + 4 * HOUR)
    assert not report(casino, stopped, END + 9 * HOUR).is_outdated


def test_a_report_without_a_look_by_the_metric_is_outdated_though_its_numbers_are_computed_now(casino):
    experiment = started(casino, ab(guards=["latency"]))
    with use_casino(casino.current):
        UserDay.objects.bulk_create(users_who_bet((0.1, 0.1)))
    early, late = report(casino, experiment, START + 3 * HOUR), report(casino, experiment)
    assert (early.is_outdated, early.unlooked_since) == (False, None)
    assert (late.is_outdated, late.unlooked_since, late.looked_at) == (True, START, END)
    output = StringIO()
    call_command("experiment", "report", "trees", "--casino", str(casino.pk), stdout=output)
    assert "No look since the start at 2026-06-01 09:00, so no guard was evaluated. Look now" in output.getvalue()
    look(casino, experiment, [], END)
    with use_casino(casino.current):
        ExperimentLook.objects.exclude(guard="latency").delete()
    assert not report(casino, experiment, END + 3 * HOUR).is_outdated
    assert report(casino, experiment, END + 4 * HOUR).unlooked_since == END


def test_without_a_history_a_look_stores_nothing_and_none_is_missed(casino):
    assert not report(casino, started(casino, holdout())).is_outdated
