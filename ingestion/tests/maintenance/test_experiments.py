"""Hourly looks at running experiments. Rows are really committed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.db import connections
from django.utils import timezone

from ingestion.errors import AllDatabasesUnavailable
from ingestion.maintenance.experiments import ExperimentLooks
from ingestion.metrics import EXPERIMENTS_STOPPED
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.database_outages import catalogue
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.topics import RECOMMENDATIONS
from recommendations.experiments.lifecycle import create_experiment
from recommendations.experiments.stored_looks import try_lock_looks
from recommendations.models import ExperimentLook
from recommendations.tests.experiments.definitions import ab, holdout
from tenants.models import Experiment
from tenants.postgresql.wait_budget import consumer_budget, waiting_within
from tenants.routing.connections import casino_atomic, execute
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]


def task():
    return ExperimentLooks(CasinoStore(RECOMMENDATIONS, lambda _: None))


@pytest.fixture
def trees(casino_a, casino_b):
    """An experiment of the first casino that has run for two days, without a user."""
    now = timezone.now()
    created = create_experiment(casino=casino_a, definition=ab(), by="a test", now=now)
    Experiment.objects.filter(pk=created.pk).update(starts_at=now - timedelta(days=2), ranges=[[0, 10_000]])
    return created


def break_guard(casino):
    with use_casino(casino.current):
        ExperimentLook.objects.create(
            experiment="trees", variant="soon", metric="empty_days", guard="empty", looked_at=timezone.now(),
            users=200, control_users=200, tau=0.1, z=9, bound=4, estimate=0.2, low=0.1, high=0.3, is_broken=True,
        )  # fmt: skip


def stops():
    return EXPERIMENTS_STOPPED.labels("guard")._value.get()


def test_only_casinos_with_a_running_experiment_are_looked_at_and_once_an_hour(trees, casino_a, casino_b):
    running, now = task(), timezone.now()
    assert running.casinos() == [casino_a]
    running.step(now)
    running.step(now + timedelta(minutes=50))
    running.step(now + timedelta(minutes=56))
    with use_casino(casino_a.current):
        assert ExperimentLook.objects.values("looked_at").distinct().count() == 2
    with use_casino(casino_b.current):
        assert not ExperimentLook.objects.exists()
    trees.refresh_from_db()
    assert (trees.stops_at, trees.stopped_by) == (None, "")


def test_of_two_processes_one_stops_an_experiment_whose_guard_is_broken(trees, casino_a):
    break_guard(casino_a)
    before = stops()

    def step_in_a_thread(_):
        try:
            task().step(timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(step_in_a_thread, range(2)))
    trees.refresh_from_db()
    assert (trees.stopped_by, stops() - before) == ("guard", 1)
    casino_a.refresh_from_db()
    assert not casino_a.running_experiments


def test_a_look_that_takes_too_long_is_reported_and_leaves_others_their_time(trees, casino_a, settings, caplog):
    create_experiment(casino=casino_a, definition=ab("more"), by="a test", now=timezone.now())
    begun = timezone.now() - timedelta(days=2)
    Experiment.objects.filter(name="more").update(starts_at=begun, ranges=[[0, 10_000]])
    settings.INGESTION_TRANSACTION_SECONDS = 0.5
    running = task()
    with use_casino(casino_a.current), casino_atomic():
        execute("LOCK TABLE user_days IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as threads:
            threads.submit(step_as_a_consumer, running).result()
    (warning,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING" and "look" in each.msg]
    assert warning.startswith("The look at trees (casino 1) takes longer than INGESTION_TRANSACTION_SECONDS")
    assert warning.endswith("manage.py experiment look trees --casino 1")
    assert (len(running.failures), running.due) == (1, [casino_a])
    settings.INGESTION_TRANSACTION_SECONDS = 120
    running.step(timezone.now())
    with use_casino(casino_a.current):
        assert set(ExperimentLook.objects.values_list("experiment", flat=True)) == {"more"}
    assert running.due == []


def test_a_look_that_stores_nothing_leaves_the_casinos_others_theirs(casino_a):
    now = timezone.now()
    for definition in (holdout(), ab()):  # the first one has no history to look at
        create_experiment(casino=casino_a, definition=definition, by="a test", now=now)
    Experiment.objects.update(starts_at=now - timedelta(days=2), ranges=[[0, 10_000]])
    running = task()
    running.step(now)
    running.step(now)
    with use_casino(casino_a.current):
        assert set(ExperimentLook.objects.values_list("experiment", flat=True)) == {"trees"}
    assert running.due == []


def begun(casino, *definitions):
    """Experiments that have run for two days, in this order."""
    now = timezone.now()
    for definition in definitions:
        create_experiment(casino=casino, definition=definition, by="a test", now=now)
    Experiment.objects.update(starts_at=now - timedelta(days=2), ranges=[[0, 10_000]])


def test_an_experiment_that_this_release_cannot_load_leaves_the_casinos_others_theirs(casino_a, casino_b, caplog):
    begun(casino_a, ab("later"), ab())
    Experiment.objects.filter(name="later").update(definition={"kind": "of a later release"})
    casino_a.running_experiments = [{"name": "later", "kind": "of a later release"}]
    casino_a.save()
    running = task()
    running.step(timezone.now())
    running.step(timezone.now())
    with use_casino(casino_a.current):
        assert set(ExperimentLook.objects.values_list("experiment", flat=True)) == {"trees"}
    assert running.due == []
    break_guard(casino_a)
    running.due = [casino_a]
    running.step(timezone.now())
    assert dict(Experiment.objects.values_list("name", "stopped_by")) == {"later": "", "trees": "guard"}
    casino_a.refresh_from_db()
    assert casino_a.running_experiments == [{"name": "later", "kind": "of a later release"}]
    (failure,) = running.failures
    assert failure.startswith("later (casino 1): ")
    (error,) = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert error.startswith("The look at later (casino 1), or the check of its guards, failed")


def test_while_another_process_looks_at_one_experiment_the_casinos_others_are_looked_at(casino_a, casino_b):
    begun(casino_a, ab("busy"), ab())
    running = task()
    with use_casino(casino_a.current), casino_atomic():
        assert try_lock_looks(Experiment.objects.get(name="busy"))
        with ThreadPoolExecutor(1) as threads:
            for _ in range(2):
                threads.submit(step_as_a_consumer, running).result()
    with use_casino(casino_a.current):
        assert set(ExperimentLook.objects.values_list("experiment", flat=True)) == {"trees"}
    assert (running.due, running.failures) == ([], [])


def step_as_a_consumer(running):
    try:
        with waiting_within(consumer_budget(Event())):
            running.step(timezone.now())
    finally:
        connections.close_all()


def test_without_the_catalogue_an_experiment_is_stopped_later(trees, casino_a):
    break_guard(casino_a)
    running = task()
    running.due = [casino_a]
    with catalogue() as away:
        away.stop()
        connections["default"].close()
        with pytest.raises(AllDatabasesUnavailable):
            running.step(timezone.now())
        assert running.due == [casino_a]
        away.restore()
        running.step(timezone.now())
    assert Experiment.objects.get().stopped_by == "guard"
