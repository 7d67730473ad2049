"""Another policy from the answers of an experiment that explores, as they are stored; and when nothing is said."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import uuid4

import msgspec
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from recommendations.errors import ExperimentConflict, InvalidExperiment
from recommendations.experiments.lifecycle import create_experiment, start_experiment, stop_experiment
from recommendations.experiments.policy_report import PolicyReport, parse_policy, report_on_policy
from recommendations.experiments.statistics.off_policy import Estimate
from recommendations.management.commands.experiment import text_of_policy
from recommendations.models import Attribution, ServedSlip
from recommendations.services import recommend_mapped
from recommendations.serving.recommendation import recommendation_served
from recommendations.storing.served import store_recommendations
from recommendations.tests.factories import EventFactory, UserFactory
from recommendations.validation.rows import ServedRow
from tenants.routing.context import use_casino

from .definitions import ab, variant

START = datetime(2035, 6, 1, 9, tzinfo=UTC)  # fixed: draws depend on the hour
ALIKE = [variant("one"), variant("other")]
USERS, HOURS, EVENTS = 250, 15, 30


def appeal(event_id):
    """The probability that a user who is shown the event bets on it."""
    return (0.0, 0.2, 0.3, 0.5, 0.3, 0.2, 0.4)[event_id % 7]


@pytest.fixture
def casino(caller_a, casino_a, casino_b):
    caller_a.configure("static")
    casino_a.refresh_from_db()
    return casino_a


@pytest.fixture
def sent():
    before, found = recommendation_served.receivers[:], []
    recommendation_served.receivers.clear()

    def receive(casino_id, served, **signal):
        found.append(served)

    recommendation_served.connect(receive, weak=False)
    yield found
    recommendation_served.receivers[:] = before


def started(casino, **changes):
    create_experiment(casino=casino, definition=ab(variants=ALIKE, **changes), by="a test", now=START)
    experiment = start_experiment(casino=casino, name="trees", by="a test", now=START)
    casino.refresh_from_db()
    return experiment


def fill(users=USERS):
    """Events in the order of their begins, but for each seventh. Returns their begins."""
    UserFactory.create_each({"id": user_id} for user_id in range(1, users + 1))
    begins = {each: START + timedelta(hours=each + (1 if each % 7 else 2.5)) for each in range(1, EVENTS + 1)}
    EventFactory.create_each(
        {"id": event_id, "begin_timestamp": begin, "end_timestamp": begin + timedelta(hours=2)}
        for event_id, begin in begins.items()
    )
    return begins


def serve(casino, sent):
    """Answer all users once an hour, and store what is sent."""
    for hour in range(HOURS):
        recommend_mapped(casino=casino, user_ids=range(1, USERS + 1), now=START + timedelta(hours=hour))
    rows = [msgspec.convert(msgspec.to_builtins(each), ServedRow, strict=False) for each in sent]
    for begin in range(0, len(rows), 1_000):
        store_recommendations(rows[begin : begin + 1_000])


def bet(rng):
    """Of each answer's events, the last one alone is bet on, and that by chance."""
    slips = ServedSlip.objects.order_by("timestamp", "user_id")  # ids are random
    bought = [each for each in slips if rng.random() < appeal(each.events[-1]["event_id"])]
    Attribution.objects.bulk_create(
        Attribution(
            coupon_id=each.pk, user_id=each.user_id, day=each.timestamp.date(), how="event", seconds=60,
            recommendation_id=each.recommendation_id, recommender=each.recommender, shown=True,
            stake=1, matched_stake=1, selections=1, matched_selections=1, credit_a=0, credit_b=0,
            matched=[each.events[-1]["event_id"]], markets=[],
        )
        for each in bought
    )  # fmt: skip


def truth(begins):
    """The mean reward of the policy, which shows the first candidate to begin, over all answers."""
    slips = ServedSlip.objects.values_list("events", flat=True)
    return float(np.mean([appeal(min(each[-1]["candidates"], key=begins.__getitem__)) for each in slips]))


@pytest.mark.slow
def test_what_another_policy_would_bring_is_estimated_from_stored_draws(casino, casino_b, sent):
    experiment = started(casino, explore=0.2)
    with use_casino(casino.current):
        begins = fill()
        serve(casino, sent)
        bet(np.random.default_rng(19))
        report = report_on_policy(experiment, parse_policy("soonest", casino), START + timedelta(days=3))
        true = truth(begins)
    assert report.answers == USERS * HOURS
    assert report.left_out == 0
    for estimate in (report.ips, report.self_normalised, report.doubly_robust):
        assert estimate is not None
        assert estimate.low < true < estimate.high
        assert estimate.standard_error < true / 10
    assert report.as_ranked is not None
    assert report.as_ranked.value < true
    assert report.sentence.startswith("With `soonest` in the last place, ")
    with use_casino(casino_b.current):
        assert report_on_policy(experiment, parse_policy("soonest", casino), START + timedelta(days=3)).answers == 0


def slip(user_id, hours, drawn=1, candidates=(1, 2, 3, 4, 5), **more):
    event = {"event_id": drawn, "odd": 2.0, "propensity": 0.84 if drawn == candidates[0] else 0.04}
    values = {"recommender": "static", "asked_for": "static", "stake": 1, "currency": "EUR", "experiment": "trees"}
    return ServedSlip(
        recommendation_id=uuid4(),
        user_id=user_id,
        timestamp=START + timedelta(hours=hours),
        events=[{"event_id": 9, "odd": 2.0}, event | {"candidates": list(candidates)}],
        **values | more,
    )


@pytest.mark.covered
def test_below_a_thousand_effective_answers_nothing_is_estimated(casino):
    """Of 80 answers, each fourth agrees with `soonest`, by the small probability."""
    experiment = started(casino, explore=0.2)
    slips = [slip(user, user / 100, 1 if user % 4 else 2, (1, 2) if user % 4 else (2, 1)) for user in range(1, 81)]
    again = [slip(1, 0.5), slip(1, 0.9)]
    others = [slip(99, 1, shown=False), slip(99, 1, experiment="elsewhere"), slip(99, 60), slip(99, 1, 3, (1, 2))]
    with use_casino(casino.current):
        fill(users=0)
        ServedSlip.objects.bulk_create([*slips, *again, *others, slip(99, 1, 77, (77, 1))])
        found = report_on_policy(experiment, parse_policy("soonest", casino), START + timedelta(days=3))
    assert (found.answers, found.left_out) == (81, 1)
    assert 0 < found.effective_answers < 81
    assert (found.ips, found.as_ranked, found.doubly_robust) == (None, None, None)
    assert found.sentence == (
        f"The 81 logged answers are worth {found.effective_answers:,.0f} answers of `soonest`: 1,000 are needed, "
        f"which takes about {found.days_left:,.0f} more days."
    )
    assert found.days_left == pytest.approx(2 * (1_000 / found.effective_answers - 1), rel=0.01)
    stopped = stop_experiment(casino=casino, name="trees", by="a test", now=START + timedelta(days=2))
    with use_casino(casino.current):
        found = report_on_policy(stopped, parse_policy("soonest", casino), START + timedelta(days=3))
    assert (found.answers, found.days_left, found.sentence[-19:]) == (81, None, ": 1,000 are needed.")


def test_an_experiment_that_does_not_explore_or_has_not_begun_tells_nothing_about_policies(casino):
    plain, policy = started(casino), parse_policy("soonest", casino)
    with use_casino(casino.current):
        with pytest.raises(ExperimentConflict, match="does not explore"):
            report_on_policy(plain, policy, START + timedelta(days=3))
        with pytest.raises(ExperimentConflict, match="a report is available once it has begun"):
            report_on_policy(plain, policy, START - timedelta(days=3))


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("best", "policy: The best recommender_type isn't supported"),
        ({"options": {"event_limit": 2}}, "policy: the options event_limit can't be estimated"),
        ({"recommender": "soonest"}, "unknown field `recommender`"),
        ({"options": {"fallbacks": 3}}, "fallbacks"),
    ],
)
def test_a_policy_that_can_not_be_estimated_is_refused(casino, raw, problem):
    with pytest.raises(InvalidExperiment, match=problem):
        parse_policy(raw, casino)


def test_a_policy_is_a_recommender_or_a_variant(casino):
    assert (parse_policy("soonest", casino).name, parse_policy({}, casino).name) == ("soonest", "static")
    named = parse_policy(variant("late", recommender_type="trending", options={"fallbacks": ["soonest"]}), casino)
    assert (named.name, named.recommender.name, named.options.fallbacks) == ("late", "trending", ("soonest",))


def test_the_command_tells_of_a_policy(casino, tmp_path):
    create_experiment(casino=casino, definition=ab(explore=0.1), by="a test", now=START)
    start_experiment(casino=casino, name="trees", by="a test", now=datetime(2025, 6, 1, tzinfo=UTC))
    file = tmp_path / "late.json"
    file.write_text(json.dumps(variant("late", recommender_type="trending")))
    assert command(casino, "soonest") == (
        "trees: 0 answers with a logged draw.\n"
        "The 0 logged answers are worth 0 answers of `soonest`: 1,000 are needed.\n"
    )
    assert json.loads(command(casino, file, "--json"))["policy"] == "late"
    for wrong in ("best", tmp_path / "none.json"):
        with pytest.raises(CommandError, match=r"isn't supported|can't be read"):
            command(casino, wrong)


def command(casino, policy, *more):
    out = StringIO()
    arguments = ["trees", "--casino", casino.pk, "--policy", policy, *more]
    call_command("experiment", "report", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_text_lists_the_estimators():
    estimate = Estimate(0.125, 0.01, 0.105, 0.145)
    found = PolicyReport(
        "trees",
        "late",
        9_600,
        12,
        2_000.0,
        "A sentence.",
        ips=estimate,
        self_normalised=estimate,
        doubly_robust=estimate,
    )
    assert text_of_policy(found).splitlines() == [
        "trees: 9,600 answers with a logged draw, 12 left out.",
        "A sentence.",
        "ESTIMATOR           BETS     FROM     TO",
        "inverse propensity  12.50 %  10.50 %  14.50 %",
        "self-normalised     12.50 %  10.50 %  14.50 %",
        "doubly robust       12.50 %  10.50 %  14.50 %",
    ]
