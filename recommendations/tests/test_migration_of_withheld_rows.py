"""Migration 0028 reversed: withheld rows stay closed for the release before."""

import pytest
from django.db.migrations.executor import MigrationExecutor

from recommendations.models import Event, User
from recommendations.storing import store_events, store_users
from recommendations.tests.factories import at, event_row, user_row
from recommendations.validation.changes import EventChange, UserChange
from tenants.routing.connections import casino_connection, execute, query
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.slow, pytest.mark.covered]

WITHOUT_WITHHELD = "0027_coupons_read_in_part"


def migrate(name=None):
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    executor = MigrationExecutor(casino_connection())
    latest = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "recommendations"]
    executor.migrate(latest if name is None else [("recommendations", name)])


def test_withheld_rows_have_a_status_that_closes_and_lift_like_one(casino_a):
    with use_casino(casino_a.current):
        store_events([event_row(id=number, timestamp=at(0)) for number in (1, 2)])
        store_events([event_row(id=3, timestamp=at(0), status="settled")])
        store_users([user_row(id=number, timestamp=at(0)) for number in (1, 2)])
        store_users([user_row(id=3, timestamp=at(0), status="time_out", status_until=at(90))])
        store_events([EventChange(id=number, timestamp=at(5), is_withheld=True) for number in (2, 3)])
        store_users([UserChange(id=number, timestamp=at(5), is_withheld=True) for number in (2, 3)])
        migrate(WITHOUT_WITHHELD)
        assert query("SELECT id, status FROM events ORDER BY id") == [(1, "OPEN"), (2, "SUSPENDED"), (3, "SETTLED")]
        assert query("SELECT id, status, status_until FROM users ORDER BY id") == [
            (1, "ACTIVE", None), (2, "CLOSED", None), (3, "CLOSED", None),
        ]  # fmt: skip
        migrate()
        store_events([event_row(id=2, timestamp=at(4), status="open")])
        store_users([user_row(id=2, timestamp=at(4), status="active")])
        assert (Event.objects.get(id=2).status, User.objects.get(id=2).status) == ("SUSPENDED", "CLOSED")
        store_events([event_row(id=2, timestamp=at(6), status="open")])
        store_users([user_row(id=2, timestamp=at(6), status="active")])
        assert (Event.objects.get(id=2).status, User.objects.get(id=2).status) == ("OPEN", "ACTIVE")
