"""The ledger of an upload: of two that store the same one at once, each message is stored by one of them."""

import msgspec
import pytest
from django.utils import timezone

from ingestion.errors import UploadChanged
from ingestion.messages.envelope import Transport
from ingestion.tests.sample_messages import coupon, without
from ingestion.topics import COUPONS
from ingestion.uploads.ledger import UploadId, find_progress
from ingestion.uploads.store import UploadedMessage, UploadStore
from recommendations.models import PurchasedCoupon
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

UPLOAD = UploadId(Transport.HTTP, "a", COUPONS.name, "0" * 64, "a.0")
MESSAGES = [
    UploadedMessage(number, msgspec.json.encode(value))
    for number, value in enumerate([coupon(), without(coupon(), "stake"), coupon(), coupon()])
]


@pytest.fixture
def two(casino_a):
    """Two that begin to store the same upload before either has stored any of it."""
    with use_casino(casino_a.current):
        UserFactory(id=7)
    now = timezone.now()
    return [UploadStore(COUPONS, casino_a, Transport.HTTP, upload=UPLOAD, received_at=now) for _ in range(2)]


def outcomes(results):
    ordered = sorted(results, key=lambda each: each.envelope.place.offset)
    return [each.outcome for each in ordered]


def test_the_second_stores_nothing_and_has_the_outcomes_of_the_first(two, casino_a):
    first, second = two
    assert outcomes(first.store(MESSAGES, timezone.now())) == ["stored", "missing", "stored", "stored"]
    assert outcomes(second.store(MESSAGES, timezone.now())) == ["repeated"] * 4
    assert second.progress.outcomes == first.progress.outcomes
    assert [each.outcome for each in second.progress.outcomes] == ["stored", "rejected", "stored", "stored"]
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == 3


def test_the_second_goes_on_where_the_first_is(two, casino_a):
    first, second = two
    first.store(MESSAGES[:3], timezone.now())
    assert outcomes(second.store(MESSAGES, timezone.now())) == ["repeated"] * 3 + ["stored"]
    assert len(second.progress.outcomes.items) == 4
    assert outcomes(first.store(MESSAGES[3:], timezone.now())) == ["repeated"]
    with use_casino(casino_a.current):
        assert find_progress(UPLOAD) == first.progress == second.progress


def test_other_contents_of_the_same_name_are_refused_also_when_they_come_between(two, casino_a):
    first, _ = two
    first.store(MESSAGES[:1], timezone.now())
    other = msgspec.structs.replace(UPLOAD, digest="1" * 64)
    store = UploadStore(COUPONS, casino_a, Transport.HTTP, upload=other, received_at=timezone.now())
    with pytest.raises(UploadChanged):
        store.store(MESSAGES, timezone.now())
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == 1


def test_an_upload_of_the_same_name_through_another_transport_is_another_one(two, casino_a):
    first, _ = two
    first.store(MESSAGES, timezone.now())
    in_file = msgspec.structs.replace(UPLOAD, transport=Transport.FILE)
    with use_casino(casino_a.current):
        assert find_progress(in_file) is None
        assert find_progress(UPLOAD) is not None
