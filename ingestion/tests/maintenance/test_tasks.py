"""Rounds of all maintenance tasks, without consumers and without a broker. Rows are really committed."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from ingestion.maintenance.tasks import run_round
from ingestion.models import DeadLetter, Upload
from ingestion.tests.api.conftest import Sender
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.manage_processes import IN_PROCESSES, database_environment, manage, run
from ingestion.tests.sample_messages import coupon, user
from recommendations.models import PendingCasinoSums, WaitingCoupon
from tenants.models import DeadLetterState, UnassignedDeadLetter
from tenants.routing.context import use_casino

from .test_dead_letter_pruning import letters

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]

DONE = {"waiting": 0, "sums": 0, "keys": 0, "closed": 0}
TO_DO = dict.fromkeys(DONE, 1)
WITHOUT_RETENTION = {"WAITING_COUPON_DAYS": 0, "IDEMPOTENCY_KEY_DAYS": 0}


@pytest.fixture
def _settings(settings):
    for name, value in WITHOUT_RETENTION.items():
        setattr(settings, name, value)


def fill(casino):
    """Give each task something to do."""
    sender = Sender(casino)
    assert sender.outcomes("/users", user(id=1)) == ["stored"]
    assert sender.outcomes("/coupons", [coupon(id=1, user_id=1), coupon(id=2, user_id=404)], key="k") == [
        "stored",
        "waiting",
    ]
    with use_casino(casino.current):
        letters(DeadLetter, 1, age=900, now=timezone.now())


def left(casino):
    with use_casino(casino.current):
        return {
            "waiting": WaitingCoupon.objects.count(),
            "sums": PendingCasinoSums.objects.count(),
            "keys": Upload.objects.filter(name="k").count(),
            "closed": DeadLetter.objects.filter(state=DeadLetterState.REPLAYED).count(),
        }


@pytest.mark.usefixtures("_settings")
def test_a_round_does_every_task_for_every_casino_and_the_catalogue(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        fill(casino)
    letters(UnassignedDeadLetter, 1, age=900, now=timezone.now())
    assert left(casino_a) == left(casino_b) == TO_DO
    assert run_round(threading.Event()) == []
    assert left(casino_a) == left(casino_b) == DONE
    assert not UnassignedDeadLetter.objects.exists()
    assert run_round(threading.Event()) == []


@pytest.mark.usefixtures("_settings")
def test_a_round_of_one_casino_leaves_the_others_and_the_catalogue(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        fill(casino)
    letters(UnassignedDeadLetter, 1, age=900, now=timezone.now())
    assert run_round(threading.Event(), [casino_a]) == []
    assert (left(casino_a), left(casino_b)) == (DONE, TO_DO)
    assert UnassignedDeadLetter.objects.count() == 1


@pytest.mark.covered
@pytest.mark.usefixtures("_settings")
def test_an_unavailable_casino_is_reported_and_stops_no_other(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        fill(casino)
    with database_unavailable(casino_a):
        failures = run_round(threading.Event())
        assert len(failures) == 9
        assert all(each.startswith(f"{casino_a}: ") for each in failures)
        assert left(casino_b) == DONE
    assert left(casino_a) == TO_DO
    assert run_round(threading.Event()) == []
    assert left(casino_a) == DONE


@pytest.mark.covered
@pytest.mark.usefixtures("_settings")
def test_two_rounds_at_once_expire_each_coupon_once(casino_a, casino_b):
    fill(casino_a)

    def round_in_a_thread(_):
        try:
            return run_round(threading.Event())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(round_in_a_thread, range(2))) == [[], []]
    assert left(casino_a) == DONE
    with use_casino(casino_a.current):
        assert DeadLetter.objects.filter(state=DeadLetterState.OPEN).count() == 1


def test_the_command_runs_one_round(casino_a, casino_b):
    fill(casino_a)
    with use_casino(casino_a.current):
        Upload.objects.update(received_at=timezone.now() - timedelta(days=900))
    status, output, errors = run("run_maintenance", "--casino", "1")
    assert (status, output) == (0, "Maintenance is done.\n"), errors
    assert left(casino_a) == DONE | {"waiting": 1}


def test_a_signal_ends_the_repeated_command(casino_a, casino_b):
    fill(casino_a)
    environment = database_environment(LOG_LEVEL="INFO")
    with manage("run_maintenance", "--every", "3600", env=environment) as process:
        line = next(each for each in process.stderr or () if "Maintenance" in each)
        assert "0 tasks failed" in line
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
