"""Maintenance of uploads over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ingestion.maintenance.pruning import UploadPruning
from ingestion.models import Upload
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.api.conftest import Sender
from ingestion.tests.decoded_messages import body_of
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS
from tenants.routing.context import use_casino

from .test_expiry import expire

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def names(casino):
    with use_casino(casino.current):
        return set(Upload.objects.values_list("name", flat=True))


def test_keys_are_forgotten_after_their_time(broker, casino_a, casino_b, settings):
    now = timezone.now()
    for casino in (casino_a, casino_b):
        Sender(casino).post("/users", user(), key="old")
        with use_casino(casino.current):
            Upload.objects.update(received_at=now - timedelta(days=8))
        Sender(casino).post("/users", user(), key="new")
    settings.IDEMPOTENCY_KEY_DAYS = 7.5
    UploadPruning(CasinoStore(COUPONS, lambda _: None)).step(now)
    assert names(casino_a) == names(casino_b) == {"new"}


def test_a_coupon_sent_over_http_whose_user_never_comes_is_a_dead_letter(broker, casino_a):
    body = coupon(user_id=404)
    assert Sender(casino_a).outcomes("/coupons", body, key="a") == ["waiting"]
    assert [each.outcome for each in expire(days=8)] == ["unknown_user"]
    [letter] = stored_letters(casino_id=1)
    assert letter.message.value == body_of(body)
