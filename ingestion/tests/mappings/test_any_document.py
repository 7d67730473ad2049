"""A shipped mapping reads or rejects any document, and no value makes an error of this program."""

import copy
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.mappings.reading import read_mapped
from ingestion.mappings.shipped import shipped_mapping, shipped_names
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.reading import Several, SingleContent
from ingestion.tests.decoded_messages import envelope_of
from ingestion.tests.kafka_client import NOW
from ingestion.topics import TOPICS
from recommendations.validation.markets import OddsRow
from recommendations.validation.rows import EventRow

pytestmark = pytest.mark.slow

ANSWERS = Path(__file__).parents[1] / "provider_answers"
SAMPLES = [
    ("api-football", "api_football.json"),
    ("api-football-odds", "api_football_odds.json"),
    ("football-data-org", "football_data_org.json"),
    ("openligadb", "openligadb.json"),
    ("the-odds-api", "the_odds_api.json"),
    ("the-odds-api-markets", "the_odds_api_markets.json"),
    ("api-football-markets", "api_football_markets.json"),
    ("api-football-live-markets", "api_football_live_odds.json"),
    ("debezium-users", "debezium_users.ndjson"),
    ("debezium-events", "debezium_events.ndjson"),
]
HOSTILE: list[Any] = [
    None, True, -1, 10**30, 1e308, "", " ",
    "x" * 20_000, "\u0000", "\u202e", {}, [], [[]], [{}], {"a": {"b": 1}}, ["a", "b"],
]  # fmt: skip


def contents_of(name: str, raw: bytes, key: bytes | None = None) -> list[SingleContent]:
    mapping = shipped_mapping(name)
    envelope = envelope_of(TOPICS[mapping.messages], raw, key=key)
    content = read_mapped(mapping, TOPICS[mapping.messages], envelope, TimeBounds.at(NOW))
    return [*content.contents] if isinstance(content, Several) else [content]


def codes_of(name: str, raw: bytes, key: bytes | None = None) -> set[str]:
    return {content.code for content in contents_of(name, raw, key) if isinstance(content, Rejection)}


def document_of(answer: str) -> Any:
    """The document, or the first line of NDJSON."""
    raw = (ANSWERS / answer).read_bytes()
    return msgspec.json.decode(raw.splitlines()[0] if answer.endswith(".ndjson") else raw)


def with_one_item(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: with_one_item(each) for name, each in value.items()}
    return [with_one_item(each) for each in value[:1]] if isinstance(value, list) else value


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """The containers of all values, with their names or numbers."""
    if isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, name
            yield from places(each)


@pytest.mark.parametrize(("name", "answer"), SAMPLES)
def test_any_value_in_any_place_is_read_or_rejected(name, answer):
    sample = with_one_item(document_of(answer))
    assert "undecodable" not in codes_of(name, msgspec.json.encode(sample))
    for number in range(len([*places(sample)])):
        for value in HOSTILE:
            changed = copy.deepcopy(sample)
            container, place = [*places(changed)][number]
            container[place] = value
            codes = codes_of(name, msgspec.json.encode(changed), msgspec.json.encode({"id": value}))
            assert "undecodable" not in codes, (place, value)


@pytest.mark.parametrize("value", HOSTILE)
def test_no_status_that_can_not_be_read_opens_an_event(value):
    sample = document_of("debezium_events.ndjson")["payload"]
    sample["after"] |= {"status": value, "odd": "2.5", "begin_timestamp": (NOW.timestamp() + 86_400) * 1e6}
    sample["after"]["end_timestamp"] = sample["after"]["begin_timestamp"] + 7_200 * 1e6
    [content] = contents_of("debezium-events", msgspec.json.encode(sample))
    is_absent = value is None or value == []
    assert isinstance(content, EventRow) == is_absent, content


@pytest.mark.parametrize("name", shipped_names())
@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_rejected(name, raw):
    assert "undecodable" not in codes_of(name, raw, raw)


UOF = (ANSWERS / "sportradar_uof" / "odds_change.xml").read_text()
ATTRIBUTES = [*re.finditer(r'\b(id|specifiers|status|odds|active|product|event_id|timestamp)="[^"]*"', UOF)]
ATTRIBUTE_VALUES = st.sampled_from(
    ["", "0", "1", "-1", " 1", "1.0", "+1", "true", "open", "OPEN", "x", "NaN", "1e9", "|"]
)


def opened(raw: bytes) -> dict[tuple[str, str, str], int]:
    """The open outcomes with their odds, by market, line and outcome."""
    [content] = contents_of("sportradar-uof-markets", raw)
    assert isinstance(content, OddsRow | Rejection)
    return {
        (market.market, market.line, outcome): odd
        for market in (content.markets if isinstance(content, OddsRow) else ())
        for outcome, odd in zip(market.outcomes, market.odds, strict=True)
        if market.status == "open" and odd
    }


@given(attribute=st.sampled_from(ATTRIBUTES), value=st.none() | ATTRIBUTE_VALUES)
def test_no_damaged_attribute_of_a_feed_opens_what_it_says_is_closed(attribute, value):
    """If `value` is None, the attribute is missing."""
    begin, end = attribute.span()
    name = attribute[1]
    changed = UOF[:begin] + ("" if value is None else f'{name}="{value}"') + UOF[end:]
    before, after = opened(UOF.encode()), opened(changed.encode())
    if name in {"status", "active"} and value != "1":
        assert after.items() <= before.items()
    elif name in {"odds", "timestamp", "product", "event_id"}:
        assert after.keys() <= before.keys()
    else:  # it is the name of another one
        assert Counter(after.values()) <= Counter(before.values())
