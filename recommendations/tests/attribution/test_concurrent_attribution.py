"""The attribution job beside consumers and erasures, in transactions of their own. Rows are really committed."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connections

from recommendations.attribution.job import attribute_step, sum_due_days
from recommendations.attribution.notes import lock_attribution
from recommendations.models import Attribution, PurchasedCoupon, UserDay
from recommendations.storing.erasure import erase_user
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import UserFactory
from recommendations.tests.threads import run_threads
from tenants.routing.connections import casino_atomic
from tenants.routing.context import use_casino

from .test_job import NOON, NOW, WINDOW, attribute, buy, serve

pytestmark = [pytest.mark.no_cover, pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)]

PAIRS = 40


@pytest.fixture(autouse=True)
def _user(casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=7, timestamp=NOON)


def in_thread(casino, work):
    def run():
        try:
            with use_casino(casino.current):
                return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def test_a_bet_and_its_recommendation_in_two_open_transactions_find_each_other(casino_a):
    """Neither sees the other's row; the notes of both do."""
    with use_casino(casino_a.current):
        with casino_atomic():
            serve(1)
            in_thread(casino_a, lambda: buy(1))
            in_thread(casino_a, attribute)
        attribute()
        assert Attribution.objects.get().recommendation_id == UUID(int=1)


def test_two_consumers_and_two_jobs_at_once_lose_no_pair(casino_a):
    def work(number):
        for pair in range(1, PAIRS + 1):
            if number == 0:
                buy(pair)
            elif number == 1:
                serve(pair)
            else:
                attribute_step(NOW, WINDOW, ids=3)

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        attribute()
        [total] = UserDay.objects.filter(recommender="").values_list("bets", flat=True)
        assert (Attribution.objects.count(), PurchasedCoupon.objects.count(), total) == (PAIRS, PAIRS, PAIRS)


def test_no_step_runs_during_an_erasure(casino_a):
    with use_casino(casino_a.current):
        serve(1)
        buy(1)
        with casino_atomic():
            lock_attribution()
            assert in_thread(casino_a, lambda: (attribute_step(NOW, WINDOW), sum_due_days())) == (None, False)
            erase_user(7, NOW)
        attribute()
        assert not UserDay.objects.exists()
