"""Attribution between a consumer's batches, and by its command. Rows are really committed."""

import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ingestion.maintenance.attribution import FIRST_PAUSE, LAST_PAUSE, Attribution
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.topics import RECOMMENDATIONS
from recommendations.models import Attribution as AttributionRow
from recommendations.models import DueAttribution, RecommendationDay
from recommendations.storing import store_coupons, store_recommendations
from recommendations.tests.factories import UserFactory, coupon_row, selection_row, served_row
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]


@pytest.fixture
def bets(casino_a, casino_b):
    """A recommendation to user 7 in both casinos, and a bet on it in the first."""
    now = timezone.now()
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=7)
            store_recommendations([served_row(1, timestamp=now - timedelta(hours=30))])
    with use_casino(casino_a.current):
        store_coupons([coupon_row(id=1, user_id=7, timestamp=now, recommended_events=(selection_row(event_id=5),))])


def task():
    return Attribution(CasinoStore(RECOMMENDATIONS, lambda _: None))


def count(casino, model):
    with use_casino(casino.current):
        return model.objects.count()


def finish(running):
    running.step(timezone.now())
    while running.due:
        running.step(timezone.now())


def test_the_first_round_attributes_in_each_casino_by_its_own_hours(bets, casino_a, casino_b):
    casino_a.options = {"attribution_hours": 48}
    casino_a.save()
    finish(task())
    assert (count(casino_a, AttributionRow), count(casino_b, AttributionRow)) == (1, 0)
    assert (count(casino_a, DueAttribution), count(casino_b, DueAttribution)) == (0, 0)
    assert count(casino_a, RecommendationDay) > 0


def test_by_default_a_bet_counts_for_a_day(bets, casino_a):
    finish(task())
    assert (count(casino_a, AttributionRow), count(casino_a, DueAttribution)) == (0, 0)


def test_a_casino_without_notes_is_looked_at_ever_more_rarely(bets, casino_a):
    running = task()
    finish(running)
    poll = running._polls[casino_a.pk]
    assert FIRST_PAUSE <= poll.pause < LAST_PAUSE  # of a slow machine, more rounds than one
    for _ in range(5):
        poll.next_at = 0.0
        began = time.monotonic()
        finish(running)
    assert poll.pause == LAST_PAUSE
    assert began + FIRST_PAUSE < poll.next_at <= time.monotonic() + LAST_PAUSE


def test_the_command_attributes_what_is_due_and_again_what_is_stored(bets, casino_a, capsys):
    call_command("attribute", "--casino", "1")
    assert "1 coupons compared with recommendations." in capsys.readouterr().out
    assert count(casino_a, RecommendationDay) > 0
    with use_casino(casino_a.current):
        RecommendationDay.objects.all().delete()
    call_command("attribute", "--casino", "1", "--since", f"{timezone.now() - timedelta(days=2):%Y-%m-%d}")
    assert "1 coupons since" in capsys.readouterr().out
    assert count(casino_a, RecommendationDay) > 0


def test_the_command_names_a_day_that_is_none():
    with pytest.raises(CommandError, match="'yesterday' is no day: use YYYY-MM-DD"):
        call_command("attribute", "--casino", "1", "--since", "yesterday")
