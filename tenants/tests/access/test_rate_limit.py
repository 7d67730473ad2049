"""The rate limit of a casino: over several processes, and with few queries."""

import threading
import time
from contextlib import contextmanager

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from tenants.access.limits import CHUNK_SECONDS, RateLimiter
from tenants.errors import RateLimited
from tenants.lifecycle.create import create_casino


@contextmanager
def refill(rate):
    """A function that returns how many tokens at most came in since the block began."""
    began = time.monotonic()
    yield lambda: rate * (time.monotonic() - began) + 1


def _taken(limiter, casino_id, rate, attempts):
    """The number of admitted attempts."""
    taken = 0
    for _ in range(attempts):
        try:
            limiter.take(casino_id, rate)
        except RateLimited:
            continue
        taken += 1
    return taken


def _fill(casino_id, seconds):
    """Move the bucket's time back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE rate_buckets SET filled_at = filled_at - %s * interval '1 second' WHERE casino_id = %s",
            [seconds, casino_id],
        )


def test_burst_of_two_seconds_is_admitted_and_no_more(casino_a):
    with refill(100) as came_in:
        assert 200 <= _taken(RateLimiter(), 1, 100, 1_000) <= 200 + came_in()


def test_bucket_fills_at_the_casinos_rate_up_to_its_capacity(casino_a):
    with refill(10) as came_in:
        _taken(RateLimiter(), 1, 10, 100)
        _fill(1, 1)
        assert 10 <= _taken(RateLimiter(), 1, 10, 100) <= 10 + came_in()
        _fill(1, 3_600)
        assert 20 <= _taken(RateLimiter(), 1, 10, 100) <= 20 + came_in()


def test_lowered_limit_holds_at_once_for_tokens_in_hand(casino_a):
    limiter = RateLimiter()
    limiter.take(1, 5_000)
    assert limiter._tokens[1].count >= 400
    with refill(10) as came_in:
        assert _taken(limiter, 1, 10, 600) <= 1 + 20 + came_in()  # in hand, a full bucket


def test_processes_share_one_bucket(casino_a):
    processes = [RateLimiter() for _ in range(4)]
    with refill(100) as came_in:
        assert 200 <= sum(_taken(each, 1, 100, 300) for each in processes) <= 200 + 4 + came_in()


def test_casinos_have_buckets_of_their_own(casino_a, casino_b):
    limiter = RateLimiter()
    _taken(limiter, 1, 10, 100)
    assert _taken(limiter, 2, 10, 100) >= 20


@pytest.mark.parametrize(("rate", "queries"), [(1_000, 1), (100, 10), (10, 20)])
def test_tokens_come_in_chunks(casino_a, django_assert_max_num_queries, rate, queries):
    limiter = RateLimiter()
    with django_assert_max_num_queries(queries):
        assert _taken(limiter, 1, rate, min(100, rate * 2)) == min(100, rate * 2)


def test_rejected_flood_costs_few_queries(casino_a):
    limiter = RateLimiter()
    _taken(limiter, 1, 1, 5)
    with CaptureQueriesContext(connection) as queries, refill(1 / CHUNK_SECONDS) as attempts:
        _taken(limiter, 1, 1, 2_000)
    assert len(queries) <= 2 + attempts()


def test_rejection_has_the_time_of_the_next_try(casino_a):
    limiter = RateLimiter()
    while (refusal := limiter.rejection(1)) is None:
        _taken(limiter, 1, 1, 5)
    assert 0 < (refusal.retry_after or 0) <= 1


def test_charged_tokens_delay_later_requests(casino_a):
    limiter = RateLimiter()
    with refill(10) as came_in:
        limiter.take(1, 10)
        limiter.charge(1, 19)
        assert _taken(limiter, 1, 10, 100) <= came_in()


def test_debt_larger_than_the_bucket_is_paid_off(casino_a):
    limiter = RateLimiter()
    limiter.take(1, 10)
    limiter.charge(1, 30)
    for _ in range(3):
        _taken(limiter, 1, 10, 1)
        _fill(1, 2)
        limiter._tokens[1].try_again_at = 0
    assert _taken(limiter, 1, 10, 1) == 1


def test_failing_catalogue_rejects_no_request(casino_a, caplog):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rate_buckets RENAME TO elsewhere")
        cursor.execute("SAVEPOINT before")
        limiter = RateLimiter()
        limiter.take(1, 100)
        cursor.execute("ROLLBACK TO before")
    assert _taken(limiter, 1, 100, int(100 * CHUNK_SECONDS) - 1) == 9
    assert caplog.text.count("could not be counted") == 1


def test_concurrent_threads_and_processes_admit_no_more_than_the_bucket_holds(real_databases):
    casino, processes, taken = create_casino("Gamma"), [RateLimiter() for _ in range(2)], []

    def work(limiter):
        taken.append(_taken(limiter, casino.pk, 100, 500))
        connections["default"].close()

    threads = [threading.Thread(target=work, args=[processes[number % 2]]) for number in range(8)]
    with refill(100) as came_in:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 200 <= sum(taken) <= 200 + 2 * 10 + came_in()


def test_bucket_is_not_written_to_the_log(casino_a):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'rate_buckets'")
        assert cursor.fetchone() == ("u",)
