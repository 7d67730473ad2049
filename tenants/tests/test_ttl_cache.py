"""Cached rows of the catalogue: their TTL, and changes that wait for it."""

import threading
import time

import pytest
from django.db import transaction

from tenants.lifecycle.backup import back_up
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.restore import restore_casino
from tenants.lifecycle.suspend import resume_casino, suspend_casino
from tenants.models import Casino, CasinoState
from tenants.ttl_cache import TtlCache, answer_once_caches_expire, wait_until_caches_expire

pytestmark = pytest.mark.covered


@pytest.fixture
def cache(settings):
    settings.CATALOGUE_LEASE_SECONDS = 60
    return TtlCache(capacity=3)


def _find(casino_id: int) -> Casino:
    casino = Casino.objects.all().find(casino_id)
    assert casino is not None
    return casino


def always(_):
    return True


def test_cached_value_is_not_loaded_again(cache):
    assert cache.get_or_load("a", lambda: 1, cache_if=always) == 1
    assert cache.get_or_load("a", lambda: pytest.fail("asked"), cache_if=always) == 1


def test_expired_value_is_loaded_again(cache, settings):
    settings.CATALOGUE_LEASE_SECONDS = 0.01
    cache.get_or_load("a", lambda: 1, cache_if=always)
    time.sleep(0.02)
    assert cache.get_or_load("a", lambda: 2, cache_if=always) == 2


def test_ttl_counts_from_before_the_query(cache, settings):
    settings.CATALOGUE_LEASE_SECONDS = 0.05

    def slowly():
        time.sleep(0.1)
        return 1

    cache.get_or_load("a", slowly, cache_if=always)
    assert cache.get_or_load("a", lambda: 2, cache_if=always) == 2


@pytest.mark.parametrize(("answer", "is_worth_it"), [(None, True), (1, False)])
def test_missing_or_rejected_value_is_loaded_again(cache, answer, is_worth_it):
    assert cache.get_or_load("a", lambda: answer, cache_if=lambda _: is_worth_it) == answer
    assert cache.get_or_load("a", lambda: 2, cache_if=always) == 2


def test_least_recently_used_value_is_evicted(cache):
    for key in "abcad":
        cache.get_or_load(key, lambda: 1, cache_if=always)
    assert cache.get_or_load("a", lambda: 2, cache_if=always) == 1
    assert cache.get_or_load("b", lambda: 2, cache_if=always) == 2


def test_many_threads_can_use_the_cache_at_once(cache):
    wrong = []

    def ask(seed):
        for number in range(2_000):
            key = (number * seed) % 7
            if cache.get_or_load(key, lambda key=key: key + 1, cache_if=always) != key + 1:
                wrong.append(key)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_casino_is_found_without_a_query_before_the_cache_expires(casino_a, settings, django_assert_num_queries):
    settings.CATALOGUE_LEASE_SECONDS = 60
    first = _find(casino_a.pk)
    with django_assert_num_queries(0):
        second = _find(casino_a.pk)
    assert first == second == casino_a
    assert second.current == casino_a.current
    assert first is not second


def test_casino_out_of_service_is_looked_up_each_time(casino_a, settings):
    settings.CATALOGUE_LEASE_SECONDS = 60
    suspend_casino(casino_a)
    assert _find(casino_a.pk).state == CasinoState.SUSPENDED
    resume_casino(casino_a)
    assert _find(casino_a.pk).state == CasinoState.ACTIVE


def test_unknown_casino_is_found_as_soon_as_it_exists(casino_a, settings):
    settings.CATALOGUE_LEASE_SECONDS = 60
    assert Casino.objects.all().find(3) is None
    Casino.objects.create(pk=3, name="Gamma")
    assert _find(3).name == "Gamma"


def _delete(casino):
    delete_casino(casino, backup=False)


def _restore(casino):
    restore_casino(casino, back_up(casino).folder)


@pytest.mark.parametrize("service", [suspend_casino, _delete, _restore])
def test_no_stale_value_is_used_after_a_suspension_or_a_move(real_databases, settings, service):
    casino = create_casino("Gamma")
    settings.CATALOGUE_LEASE_SECONDS = 0.3
    before = _find(casino.pk)
    service(casino)
    after = _find(casino.pk)
    assert (after.state, after.generation) != (before.state, before.generation)
    assert (after.state, after.generation) == (casino.state, casino.generation)


@pytest.mark.parametrize("wait", [wait_until_caches_expire, answer_once_caches_expire])
def test_many_changes_in_one_transaction_wait_once(casino_a, settings, django_capture_on_commit_callbacks, wait):
    settings.CATALOGUE_LEASE_SECONDS = 0.2
    with django_capture_on_commit_callbacks() as waits, transaction.atomic():
        for _ in range(20):
            wait()
    assert len(waits) == 1
    began = time.monotonic()
    waits[0]()
    assert time.monotonic() - began >= 0.2
