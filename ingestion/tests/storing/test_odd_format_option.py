"""A casino's option `odd_format` holds for its messages without one, by each transport, and for no other casino's."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command

from ingestion.tests.api.conftest import Sender
from ingestion.tests.closing_messages import event
from ingestion.topics import EVENTS
from recommendations.errors import InvalidConfiguration
from recommendations.models import Event
from recommendations.serving.options import parse_options
from tenants.models import Casino
from tenants.routing.context import use_casino

from .test_mapped_messages import Batches

ODDS: dict[str, Any] = {"odd": 150}


def set_option(casino, odd_format):
    Casino.objects.filter(pk=casino.pk).update(options={"odd_format": odd_format})
    casino.refresh_from_db()


def odds_of(casino):
    with use_casino(casino.current):
        return list(Event.objects.order_by("id").values_list("odd", flat=True))


@pytest.fixture
def batches(broker, casino_a, casino_b):
    batches = Batches()
    yield batches
    batches.client.close()


def test_a_consumer_reads_the_odds_of_that_casino_in_its_format(batches, casino_a, casino_b):
    set_option(casino_a, "american")
    messages = [event(1, odd=150), event(2, odd=-200), {"id": 900_001, "odd": "+300", "timestamp": None}]
    results = batches.store_batch(*((casino_a.pk, each) for each in messages), (casino_b.pk, event(1, odd=150)))
    assert results == ["stored", "stored", "updated", "stored"]
    assert odds_of(casino_a) == [Decimal(4), Decimal("1.5")]
    assert odds_of(casino_b) == [Decimal(150)]


def test_a_messages_own_format_wins(batches, casino_a):
    set_option(casino_a, "american")
    batches.store_batch((casino_a.pk, event(1, odd=2.5, odd_format="decimal")))
    assert odds_of(casino_a) == [Decimal("2.5")]


def test_an_upload_is_read_in_the_casinos_format_too(casino_a, casino_b):
    set_option(casino_a, "fractional")
    for casino in (casino_a, casino_b):
        Sender(casino).post(f"/{EVENTS.name}", [event(1, odd="5/2")])
    assert (odds_of(casino_a), odds_of(casino_b)) == ([Decimal("3.5")], [])


def test_a_stored_format_that_is_none_parks_the_casinos_messages(batches, casino_a, casino_b):
    set_option(casino_a, "guess")
    assert batches.store_batch((casino_a.pk, event(1)), (casino_b.pk, event(1))) == ["parked", "stored"]


def test_an_upload_is_refused_while_the_stored_format_is_none(casino_a, tmp_path):
    set_option(casino_a, "guess")
    assert Sender(casino_a).post(f"/{EVENTS.name}", [event(1)]).status_code == 503
    (tmp_path / "events.ndjson").write_bytes(msgspec.json.encode(event(1)))
    with pytest.raises(CommandError, match="odd_format can't be used: it is 'guess', and none of decimal, "):
        call_command("import", EVENTS.name, str(tmp_path / "events.ndjson"), "--casino", casino_a.pk)
    assert odds_of(casino_a) == []


def test_an_unknown_format_is_refused_when_it_is_configured():
    assert parse_options({"odd_format": "hongkong"}).odd_format == "hongkong"
    with pytest.raises(InvalidConfiguration, match="odd_format"):
        parse_options({"odd_format": "moneyline"})
