"""Concurrency: two saves at once, and a database whose tables are locked."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connections

from dashboard.casino_reader import STATEMENT_SECONDS
from dashboard.pages.configuration import ConfigurationConflict, save_configuration
from dashboard.pages.overview import overview_rows
from ingestion.tests.manage_processes import IN_PROCESSES
from tenants.models import Casino
from tenants.tests.waiting import require_quick

from .conftest import SCHEMA, fill

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def test_one_of_two_simultaneous_saves_gets_a_conflict(casino_a, casino_b, now):
    staff, barrier = User.objects.create_user("staff"), Barrier(2)

    def save(recommender):
        try:
            barrier.wait(120)
            save_configuration(
                casino=casino_a, staff=staff, version="", now=now, recommender_type=recommender,
                recommendation_schema=SCHEMA, options=None,
            )  # fmt: skip
        except ConfigurationConflict:
            return None
        else:
            return recommender
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        saved = [each for each in threads.map(save, ["static", "dynamic"]) if each]
    assert [Casino.objects.get(pk=1).recommender_type] == saved
    assert LogEntry.objects.count() == 1
    assert Casino.objects.get(pk=2).recommender_type is None


@pytest.mark.slow
def test_casino_with_locked_tables_is_unavailable_after_the_statement_timeout_and_others_are_not(
    casino_a, casino_b, now
):
    fill(casino_a, now)
    fill(casino_b, now)

    def read_overview() -> None:
        started = time.monotonic()
        alpha, beta = overview_rows(Casino.objects.order_by("pk"), now)
        assert time.monotonic() - started >= STATEMENT_SECONDS
        assert alpha.unavailable is not None
        assert alpha.unavailable.is_outage
        assert beta.statistics is not None
        assert beta.statistics.totals.users == 3

    other = connections["casino_1"].copy("locking")
    other.set_autocommit(False)
    try:
        other.cursor().execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        require_quick(read_overview, STATEMENT_SECONDS + 3)
    finally:
        other.rollback()
        other.close()
