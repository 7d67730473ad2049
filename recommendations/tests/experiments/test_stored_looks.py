"""The stored looks at an experiment."""

from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from recommendations.experiments.stored_looks import looks_of
from recommendations.models import ExperimentLook
from tenants.models import Experiment
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(databases=["default", "casino_1", "casino_2"])

START = datetime(2026, 6, 1, tzinfo=UTC)


def look(hour, low, high, *, variant="soon", z=1.0, experiment="trees", **more):
    values = {"tau": 0.5, "bound": 2.5, "estimate": 0.1, "users": 50, "control_users": 60, "metric": "bet_days"} | more
    at = START + timedelta(hours=hour)
    return ExperimentLook(experiment=experiment, variant=variant, looked_at=at, z=z, low=low, high=high, **values)


@pytest.fixture
def trees(casino_a):
    return Experiment(casino=casino_a, name="trees")


def test_the_interval_is_that_of_all_looks_and_the_first_significant_one_stands(casino_a, casino_b, trees):
    with use_casino(casino_a.current):
        rows = [look(2, 0.1, 0.4, z=2.6), look(0, -1, inf), look(1, -0.1, 0.3), look(3, 0.05, 0.35, z=2.4)]
        ExperimentLook.objects.bulk_create([*rows, look(0, -1, 1, guard="stakes"), look(0, -1, 1, experiment="other")])
        (course,) = looks_of(trees)
    assert (course.variant, course.metric) == ("soon", "bet_days")
    assert course.times == tuple(START + timedelta(hours=hour) for hour in range(4))
    assert course.looks.low.tolist() == [-1, -0.1, 0.1, 0.1]
    assert course.looks.high.tolist() == [inf, 0.3, 0.3, 0.3]
    assert course.first_significant_at == START + timedelta(hours=2)
    with use_casino(casino_b.current):
        assert looks_of(trees) == ()


def test_each_variant_and_metric_has_a_course_of_its_own(casino_a, trees):
    with use_casino(casino_a.current):
        rows = [look(0, -1, 1), look(0, -1, 1, variant="late"), look(0, -1, 1, metric="turnover")]
        ExperimentLook.objects.bulk_create(rows)
        found = [(each.variant, each.metric, each.first_significant_at) for each in looks_of(trees)]
    assert found == [("late", "bet_days", None), ("soon", "bet_days", None), ("soon", "turnover", None)]
