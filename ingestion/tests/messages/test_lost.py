"""The message that stands in the place of lost ones, as each topic reads it."""

from datetime import UTC, datetime

import pytest

from ingestion.mappings.options import stored_mapping
from ingestion.mappings.reading import read_mapped
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import Envelope, Place, pack, unpack
from ingestion.messages.lost import for_each_casino, lost_messages
from ingestion.messages.reading import read_message
from ingestion.topics import ODDS, TOPICS
from recommendations.validation.markets import Heard, OddsRow

FOUND = datetime(2026, 11, 28, 12, tzinfo=UTC)
BOUNDS = TimeBounds.at(FOUND)


def lost(topic: str, first: int = 10, last: int = 20) -> list[Envelope]:
    place = Place("c", topic, 2, last, round(FOUND.timestamp() * 1_000), "id")
    return list(for_each_casino(lost_messages(place, first), [1, 3]))


@pytest.mark.parametrize("name", TOPICS)
def test_each_casino_rejects_it_and_it_says_which_offsets_were_lost(name):
    for envelope, casino_id in zip(lost(name), (1, 3), strict=True):
        content = read_message(TOPICS[name].decode, TOPICS[name].partial, unpack(pack(envelope)), BOUNDS)
        assert isinstance(content, Rejection)
        assert (content.code, envelope.casino_id) == ("lost", casino_id)
        assert content.detail.startswith(f"11 offsets of {name}/2, 10 to 20, were deleted by the broker")


def test_of_odds_it_closes_what_came_by_its_partition_before_it_was_found():
    [envelope, _] = lost("odds")
    closed = (OddsRow(timestamp=FOUND, heard=Heard(2, FOUND, loses_prices=True)),)
    for content in (
        read_message(ODDS.decode, ODDS.partial, envelope, TimeBounds.at(datetime(2026, 11, 29, tzinfo=UTC))),
        read_mapped(
            stored_mapping("odds", "sportradar-uof-markets"),
            ODDS,
            envelope,
            TimeBounds.at(datetime(2026, 11, 29, tzinfo=UTC)),
        ),
    ):
        assert isinstance(content, Rejection)
        assert (content.code, content.closed_odds) == ("lost", closed)


@pytest.mark.parametrize("value", [b"x", b"-1", b"1" * 30, "\u0663".encode(), None])
def test_a_header_that_is_no_offset_says_nothing(value):
    [envelope, _] = lost("users")
    envelope.headers = [("casino_id", b"1"), ("lost.first_offset", value)]
    content = read_message(TOPICS["users"].decode, None, envelope, BOUNDS)
    assert isinstance(content, Rejection)
    assert content.code == "malformed"


def test_a_message_with_a_value_is_never_taken_for_lost_ones():
    [envelope, _] = lost("users")
    envelope.value = b"{}"
    content = read_message(TOPICS["users"].decode, None, envelope, BOUNDS)
    assert isinstance(content, Rejection)
    assert content.code == "missing"
