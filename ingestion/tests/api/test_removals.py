"""DELETE /events/<id> and /coupons/<id>."""

from urllib.parse import quote

import pytest

from ingestion.tests.sample_messages import coupon, event, user
from recommendations.models import Event, PurchasedCoupon, UserProfile
from tenants.routing.context import use_casino

from .conftest import Sender


def test_an_event_is_removed_and_stays_so(sender, casino_a, casino_b, settings):
    for each in (sender, Sender(casino_b)):
        each.post("/events", event(id=5))
    assert sender.delete("/events/5").json() == {"id": "5", "outcome": "removed"}
    assert sender.outcomes("/events", event(id=5, timestamp="2026-01-01")) == ["stale"]
    with use_casino(casino_a.current):
        assert Event.objects.count() == 0
    with use_casino(casino_b.current):
        assert Event.objects.count() == 1


@pytest.mark.parametrize("own", ["sr:match:1", "1a2b3c4d", "Zoë 1"])
def test_an_event_with_an_id_that_is_text_is_removed(sender, casino_a, own):
    sender.post("/events", [event(id=own), event(id=49, home_team="HULL")])
    assert sender.delete(f"/events/{quote(own)}").json() == {"id": own, "outcome": "removed"}
    with use_casino(casino_a.current):
        assert Event.objects.get().id == 49


def test_a_coupon_is_removed_with_its_counts(sender, casino_a):
    sender.post("/users", user(id=7))
    sender.post("/coupons", [coupon(id=1), coupon(id=2)])
    assert sender.delete("/coupons/1").json()["outcome"] == "removed"
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.get().id == 2
        assert UserProfile.objects.get().coupon_count == 1


@pytest.mark.parametrize("path", ["/events/%20", "/events/%00", "/coupons/1%002", f"/events/{'x' * 129}"])
def test_what_is_no_id_is_not_found(sender, path):
    response = sender.delete(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_users_are_erased_with_another_scope(sender):
    assert sender.delete("/users/7").status_code == 403
