"""The feeds of prices in `ingestion_status`."""

import json
from io import StringIO

import msgspec
import pytest
from django.core.management import call_command

from ingestion.status.report import casino_status
from recommendations.tests.prices.market_rows import LIVE, PREMATCH, heard, producer
from recommendations.validation.markets import BY_UPLOAD
from tenants.models import CasinoState
from tenants.routing.context import use_casino


@pytest.fixture
def with_feeds(casino_a, casino_b):
    casino_a.options = {"feed_silence_seconds": 100}
    casino_a.save()
    with use_casino(casino_a.current):
        producer(PREMATCH)
        heard(PREMATCH, partition=BY_UPLOAD)
        producer(LIVE)
        heard(LIVE, partition=2, seconds_ago=150)
    return casino_a


def test_each_producer_is_listed_with_its_partitions(with_feeds, casino_b, now):
    status = json.loads(msgspec.json.encode(casino_status(with_feeds, now, [])))
    live, prematch = status["feeds"]
    assert (live["producer"], live["state"], set(live["partitions"])) == ("LIVE", "silent", {"0", "2"})
    assert live["silent_seconds"] >= 150
    assert (prematch["state"], set(prematch["partitions"])) == ("open", {"0", "-1"})
    assert casino_status(casino_b, now, []).feeds == []


def test_the_casinos_option_says_when_a_feed_is_silent(with_feeds, now):
    with_feeds.options = {"feed_silence_seconds": 3_000}
    assert [each.state for each in casino_status(with_feeds, now, []).feeds] == ["open", "open"]


def test_command_prints_a_line_for_each_producer(with_feeds, casino_b, broker):
    out = StringIO()
    call_command("ingestion_status", stdout=out)
    head, live, prematch = out.getvalue().split("\n\n")[-1].splitlines()
    assert head.split()[:3] == ["casino", "producer", "state"]
    assert live.split()[:3] == ["1", "LIVE", "silent"]
    assert int(live.split()[3]) >= 150
    assert prematch.split()[:3] == ["1", "PREMATCH", "open"]


def test_unavailable_casino_has_no_feeds(with_feeds, now):
    with_feeds.schema_version, with_feeds.state = "older", CasinoState.ACTIVE
    status = casino_status(with_feeds, now, [])
    assert status.feeds == []
    assert status.last_error
