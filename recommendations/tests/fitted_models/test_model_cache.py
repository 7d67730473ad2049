"""The cache of fitted models and of counts of bets: what leaves memory, and when."""

import gc
from datetime import timedelta
from weakref import ref

import pytest

from recommendations.fitted_models.model_cache import BYTES_OF_SELECTION, LEAST, RECOUNT_AFTER, ModelCache
from recommendations.fitted_models.store import Fitting, store_models
from recommendations.models import FittedModel
from recommendations.recommenders.hybrid import DEFAULT_MODEL, HybridModel
from recommendations.recommenders.hybrid_features.bet_sequences import SequenceCounts
from recommendations.storing import store_coupons, store_users
from recommendations.tests.factories import coupon_row, selection_row, user_row
from recommendations.tests.present import present
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

MODEL = len(DEFAULT_MODEL.encode()) // BYTES_OF_SELECTION


def store_version(*models):
    return store_models(models or [("hybrid", DEFAULT_MODEL.encode())], Fitting(coupons=1))


def test_casinos_without_a_model_do_not_evict_those_with_one(casino_a, casino_b, now):
    cache = ModelCache(fitted_room=LEAST + MODEL, room=LEAST)
    with use_casino(casino_a.current):
        version = store_version()
        models = cache.at(version, now)
    with use_casino(casino_b.current):
        counts = cache.at(None, now)
    with use_casino(casino_a.current):
        assert cache.at(version, now) is models
    with use_casino(casino_b.current):
        assert cache.at(None, now) is counts
        fitted = cache.at(store_version(), now)
        assert (fitted.version, fitted.get(HybridModel) is None) == ("1", False)
    with use_casino(casino_a.current):
        assert cache.at(version, now) is not models


def test_a_casino_takes_as_much_room_as_it_has_bets(casino_a, casino_b, now, settings):
    cache = ModelCache(fitted_room=LEAST, room=2 * LEAST + 5)
    with use_casino(casino_a.current):
        counts = cache.at(None, now)
    with use_casino(casino_b.current):
        few = cache.at(None, now)
        store_users([user_row(id=1)])
        bets = tuple(selection_row(event_id=event_id) for event_id in range(1, 7))
        store_coupons([coupon_row(user_id=1, timestamp=now, recommended_events=bets)])
    with use_casino(casino_a.current):
        assert cache.at(None, now) is counts
    later = now + timedelta(seconds=settings.TRENDS_SECONDS)
    with use_casino(casino_b.current):
        assert cache.at(None, now) is few
        many = cache.at(None, later)
        assert many is not few
    with use_casino(casino_a.current):
        assert cache.at(None, now) is not counts
    with use_casino(casino_b.current):
        assert cache.at(None, later) is not many


@pytest.mark.parametrize(("too_little", "is_kept"), [(0, True), (1, False)])
def test_a_casino_takes_as_much_room_as_its_models_have_bytes(casino_a, casino_b, now, too_little, is_kept):
    cache = ModelCache(fitted_room=2 * (LEAST + MODEL) - too_little, room=LEAST)
    with use_casino(casino_a.current):
        version = store_version()
        models = cache.at(version, now, has_bets=False)
    with use_casino(casino_b.current):
        cache.at(store_version(), now, has_bets=False)
    with use_casino(casino_a.current):
        assert (cache.at(version, now, has_bets=False) is models) is is_kept


@pytest.mark.parametrize("is_fitted", [True, False])
def test_counts_of_a_casino_that_leaves_hybrid_are_freed_within_the_hour(casino_a, now, is_fitted):
    cache = ModelCache(fitted_room=LEAST + MODEL, room=LEAST)
    with use_casino(casino_a.current):
        version = store_version() if is_fitted else None
        counts = ref(present(cache.at(version, now).get(SequenceCounts)).scales)
        for minutes_before in (RECOUNT_AFTER / 2, RECOUNT_AFTER / 60):
            cache.at(version, now + RECOUNT_AFTER - minutes_before, has_bets=False)
        gc.collect()
        assert counts() is not None
        cache.at(version, now + RECOUNT_AFTER, has_bets=False)
        gc.collect()
        assert counts() is None
        assert cache.at(version, now + RECOUNT_AFTER).get(SequenceCounts) is not None


def test_request_that_read_the_number_of_no_version_uses_the_empty_one_in_memory(
    casino_a, now, django_assert_num_queries
):
    cache = ModelCache(fitted_room=LEAST + MODEL, room=LEAST)
    with use_casino(casino_a.current):
        FittedModel.objects.create(version=3, recommender="none", fitted=b"", coupons=0, is_served=True)
        models = cache.at(3, now)
        with django_assert_num_queries(1, connection=casino_connection()):
            assert cache.at(None, now) is models
