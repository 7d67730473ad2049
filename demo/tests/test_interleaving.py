"""The demo's experiment, whose slips and coupons are stored without a broker."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from demo.casino_messages import casino_messages, scheduled_fixtures
from demo.casinos import DEMO_CASINOS
from demo.errors import DemoFailed
from demo.interleaving import DAYS, USERS, attribute, begin, check_verdict, coupons_of_slips, serve
from recommendations.experiments.report import VariantReport, report_on
from recommendations.models import PurchasedCoupon, ServedSlip
from recommendations.services import configure
from recommendations.serving.recommendation import recommendation_served
from recommendations.storing import store_coupons, store_events, store_recommendations, store_users
from recommendations.validation.rows import ServedRow
from tenants.routing.context import use_casino

NOW = datetime(2027, 2, 10, 1, 30, tzinfo=UTC)  # of 101 hours, that with the least evidence: 1.8 times the boundary


@pytest.fixture
def announced():
    """The answers that are announced, in place of those that the publisher would send."""
    before, found = recommendation_served.receivers[:], []
    recommendation_served.receivers.clear()

    def receive(casino_id, served, **signal):
        found.append(msgspec.convert(msgspec.to_builtins(served), ServedRow, strict=False))

    recommendation_served.connect(receive, weak=False)
    yield found
    recommendation_served.receivers[:] = before


@pytest.mark.no_cover
def test_it_has_a_slip_and_a_coupon_of_each_day_and_finds_what_users_want(announced, casino_a, casino_b):
    demo_casino, now = DEMO_CASINOS[0], NOW
    messages = casino_messages(demo_casino, scheduled_fixtures(now), now)
    schema = demo_casino.recommendation_schema
    configure(casino=casino_a, recommender_type=demo_casino.recommender_type, recommendation_schema=schema, now=now)
    with use_casino(casino_a.current):
        store_events(messages.events)
        store_users(messages.users)
        store_coupons(messages.coupons)
        experiment = begin(casino_a, now)
        serve(casino_a, now - timedelta(days=DAYS))
        store_recommendations(announced)
        coupons = list(coupons_of_slips(messages))
        store_coupons(coupons)
        assert ServedSlip.objects.exclude(events=[]).count() == len(coupons) == len(USERS) * DAYS
        assert PurchasedCoupon.objects.count() == len(messages.coupons) + len(coupons) == coupons[-1].id
        attribute(casino_a, now)
        [verdict] = report_on(experiment, now).variants
    check_verdict(verdict)
    with use_casino(casino_b.current):
        assert not ServedSlip.objects.exists()


def test_another_verdict_fails_the_check():
    with pytest.raises(DemoFailed, match="does not find personal better: Too few bets"):
        check_verdict(VariantReport("personal", "undecided", "Too few bets for a comparison yet."))
