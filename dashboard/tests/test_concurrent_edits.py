"""What happens while others are at it: two who save, and a database whose tables are locked."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connections

from dashboard.casino_reader import STATEMENT_SECONDS
from dashboard.editing import ChangedMeanwhile, save_configuration
from dashboard.overview import rows
from ingestion.tests.manage_processes import IN_PROCESSES
from tenants.models import Casino

from .conftest import SCHEMA, fill

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def test_of_two_who_save_at_once_one_is_told_of_the_other(casino_a, casino_b, now):
    staff, barrier = User.objects.create_user("staff"), Barrier(2)

    def save(recommender):
        try:
            barrier.wait(10)
            save_configuration(
                casino=casino_a, staff=staff, seen="", now=now, recommender_type=recommender,
                recommendation_schema=SCHEMA, options=None,
            )  # fmt: skip
        except ChangedMeanwhile:
            return None
        else:
            return recommender
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(2) as threads:
        saved = [each for each in threads.map(save, ["static", "dynamic"]) if each]
    assert [Casino.objects.get(pk=1).recommender_type] == saved
    assert LogEntry.objects.count() == 1
    assert Casino.objects.get(pk=2).recommender_type is None


def test_a_casino_whose_tables_are_locked_is_away_after_the_statements_time_and_the_others_are_not(
    casino_a, casino_b, now
):
    fill(casino_a, now)
    fill(casino_b, now)
    other = connections["casino_1"].copy("locking")
    other.set_autocommit(False)
    try:
        other.cursor().execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        alpha, beta = rows(Casino.objects.order_by("pk"), now)
        passed = time.monotonic() - started
    finally:
        other.rollback()
        other.close()
    assert alpha.away is not None
    assert alpha.away.is_outage
    assert STATEMENT_SECONDS <= passed < STATEMENT_SECONDS + 3
    assert beta.figures is not None
    assert beta.figures.glance.users == 3
