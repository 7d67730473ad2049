"""Migrations of ingestion's tables, forwards and backwards, on a casino with data."""

import pytest
from django.db.migrations.executor import MigrationExecutor

from ingestion.models import PartitionOffset
from ingestion.tests.api.conftest import Sender
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from recommendations.models import User
from tenants.routing.connections import casino_connection, query
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]

EARLIER = ("ingestion", "0001_ledger_and_counts")


def migrate(*targets):
    MigrationExecutor(casino_connection()).migrate(list(targets))


def test_the_ledger_of_uploads_comes_and_goes_and_all_other_rows_stay(casino_a):
    sender = Sender(casino_a)
    sender.post("/users", user(id=1), key="a")
    with use_casino(casino_a.current):
        PartitionOffset.objects.create(
            cluster="c", consumer_group="g", topic="users", partition=0, next_offset=5, latest_sent_at=1
        )
        leaves = MigrationExecutor(casino_connection()).loader.graph.leaf_nodes("ingestion")
        try:
            migrate(EARLIER)
            assert query("SELECT to_regclass('ingestion_uploads')") == [(None,)]
            assert (PartitionOffset.objects.count(), User.objects.count()) == (1, 1)
        finally:
            migrate(*leaves)
        assert query("SELECT count(*) FROM ingestion_uploads") == [(0,)]
    assert sender.outcomes("/users", user(id=2), key="a") == ["stored"]
