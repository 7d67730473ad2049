"""Retention of closed dead letters. Rows are really committed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ingestion.maintenance.pruning import ROWS_PER_STEP, DeadLetterPruning
from ingestion.models import DeadLetter
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.topics import EVENTS
from tenants.models import DeadLetterState, UnassignedDeadLetter
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow, pytest.mark.covered]


def letters(model, count, *, age=None, now=None):
    """Rows that were closed `age` days ago; None: open ones."""
    closed = {} if age is None else {"state": DeadLetterState.REPLAYED, "closed_at": now - timedelta(days=age)}
    common = {"topic": "events", "partition": 0, "sent_at": now, "rejected_at": now - timedelta(days=900), "size": 0}
    numbers = {"attempts": 1, "replays": 0, "reason": "malformed"}
    model.objects.bulk_create(model(place=f"{age}/{number}", **common, **numbers, **closed) for number in range(count))


def ages_in(casino):
    with use_casino(casino.current):
        return sorted({letter.place.partition("/")[0] for letter in DeadLetter.objects.all()})


def test_closed_dead_letters_are_deleted_after_their_time_and_open_ones_never(casino_a, casino_b, settings):
    settings.DEAD_LETTER_DAYS = 30
    now = timezone.now()
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            for age in (None, 29, 31):
                letters(DeadLetter, 1, age=age, now=now)
    letters(UnassignedDeadLetter, 1, age=31, now=now)
    letters(UnassignedDeadLetter, 1, age=None, now=now)
    DeadLetterPruning(CasinoStore(EVENTS, lambda _: None)).step(now)
    assert ages_in(casino_a) == ages_in(casino_b) == ["29", "None"]
    assert [letter.state for letter in UnassignedDeadLetter.objects.all()] == ["open"]


def test_many_are_deleted_in_steps(casino_a, casino_b):
    now = timezone.now()
    with use_casino(casino_a.current):
        letters(DeadLetter, ROWS_PER_STEP + 1, age=31, now=now)
    pruning = DeadLetterPruning(CasinoStore(EVENTS, lambda _: None))
    pruning.step(now)
    assert ages_in(casino_a) == ["31"]
    pruning.step(now)
    assert ages_in(casino_a) == []
