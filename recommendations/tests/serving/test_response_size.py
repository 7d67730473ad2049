"""The size of a response is estimated before it is computed, and not too low."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from recommendations.errors import InvalidParameter
from recommendations.serving.explanation import explanation_of
from recommendations.serving.legs import MAX_LOOKED_AT
from recommendations.serving.output_schema import EVENT_SOURCES, SOURCES, apply_schema, parse_schema
from recommendations.serving.recommendation import PassedOver
from recommendations.serving.response_size import BYTES_OF_REQUEST, MAX_RESPONSE_BYTES, ResponseSize, response_size
from recommendations.tests.serving.test_output_schema import EXAMPLE


def schema_of_everything():
    events = {name: next(iter(types)) for name, types in EVENT_SOURCES.items()}
    fields = {name: next(iter(types)) for name, types in SOURCES.items()}
    return fields | {"recommended_events": {"type": "list", "source_field": "recommended_events", "fields": events}}


@pytest.mark.parametrize("schema", [{"user_id": "int"}, {"recommended_events": "list"}, schema_of_everything()])
@pytest.mark.parametrize("events", [0, 3, 20])
def test_no_response_is_larger_than_its_estimate(schema, events):
    fields = parse_schema(schema)
    [first, *_] = EXAMPLE.recommended_events
    answer = apply_schema(fields, replace(EXAMPLE, recommended_events=(first,) * events))
    size = response_size(fields)
    assert len(json.dumps(answer)) <= size.fields + events * size.event


@pytest.mark.parametrize("schema", [{"recommended_events": "list"}, schema_of_everything()])
def test_no_response_with_markets_is_larger_than_its_estimate(schema):
    fields = parse_schema(schema)
    [first, *_] = EXAMPLE.recommended_events
    first = msgspec.structs.replace(
        first, market=f"{'POINTS OF THE FIRST PERIOD':.<60}|sr:player:{10**20}", line="2" * 40, outcome="O" * 60
    )
    answer = apply_schema(fields, replace(EXAMPLE, recommended_events=(first,) * 20))
    size = response_size(fields)
    assert len(json.dumps(answer)) <= size.fields + 20 * size.event_with_market
    assert size.event_with_market >= size.event


def test_the_events_that_were_passed_over_count():
    size = response_size(parse_schema({"user_id": "int"}))
    nobody = replace(EXAMPLE, passed_over=(PassedOver(10**18, "market_full"),) * MAX_LOOKED_AT)
    assert len(json.dumps(explanation_of(nobody))) <= BYTES_OF_REQUEST * count(
        size, 1, 0, explain=True, has_markets=True
    )
    assert count(size, 1, 0, explain=True) == 1


def count(size, users, events, *, explain=False, has_markets=False):
    return size.count_requests(users, events, explain=explain, has_markets=has_markets)


def count_requests(bytes_of_user, users):
    return count(ResponseSize(bytes_of_user, 0, 0), users, 3)


@pytest.mark.parametrize("has_markets", [False, True])
def test_a_common_response_counts_as_one_request(has_markets):
    size = response_size(parse_schema({"user_id": "int", "recommended_events": "list"}))
    assert count(size, 1, 20, has_markets=has_markets) == 1
    assert count(size, 500, 20, has_markets=has_markets) == 500
    assert count(size, 500, 3, explain=True) == 500


def test_a_large_response_counts_as_several():
    assert count_requests(BYTES_OF_REQUEST, 3) == 3
    assert count_requests(BYTES_OF_REQUEST + 1, 3) == 6


def test_a_response_that_is_too_large_is_refused_with_the_number_of_users():
    with pytest.raises(InvalidParameter, match=r"list at most 10$"):
        count_requests(MAX_RESPONSE_BYTES // 10, 11)
    assert count_requests(MAX_RESPONSE_BYTES // 10, 10) > 10


def test_a_response_for_one_user_is_never_refused():
    assert count_requests(2 * MAX_RESPONSE_BYTES, 1) > 1_000
