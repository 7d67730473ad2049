"""A casino goes back from markets to odds by the statements of docs/markets.md."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings

from recommendations.models import Event, Market
from recommendations.services import recommend_mapped
from recommendations.tests.factories import EventFactory, UserFactory
from recommendations.tests.prices.market_rows import market
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

TEXT = (Path(settings.BASE_DIR) / "docs" / "markets.md").read_text()


def statements():
    [block] = re.findall(r"```sql\nBEGIN;\n(.*?)COMMIT;\n```", TEXT, re.DOTALL)
    return block


@pytest.fixture
def configured(caller_a, casino_a):
    caller_a.configure("static")
    casino_a.refresh_from_db()
    return casino_a


def bets(casino):
    [answer] = recommend_mapped(casino=casino, user_ids=[31], now=datetime.now(UTC)).values()
    assert isinstance(answer, dict)
    return {(each["home_team"], each.get("outcome"), each["odd"]) for each in answer["events"]}


def test_events_are_recommended_by_their_odd_again_and_those_without_are_withheld(configured, casino_b):
    with use_casino(casino_b.current):
        EventFactory.create(id=1)
        market(1)
    with use_casino(configured.current):
        UserFactory.create(id=31)
        EventFactory.create(id=1, home_team="WITH ODD", odd=2.5)
        EventFactory.create(id=2, home_team="WITHOUT", odd=None, is_withheld=True, lacks_odd=True)
        for number in (1, 2):
            market(number, {"HOME": 1.5})
        assert bets(configured) == {("WITH ODD", "HOME", 1.5), ("WITHOUT", "HOME", 1.5)}
        execute(statements())
        assert bets(configured) == {("WITH ODD", None, 2.5)}
        assert not Market.objects.exists()
    with use_casino(casino_b.current):
        assert Market.objects.count() == 1
        assert Event.objects.get().offered_by is not None
