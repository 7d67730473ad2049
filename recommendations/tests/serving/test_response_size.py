"""The size of a response is estimated before it is computed, and not too low."""

import json
from dataclasses import replace

import pytest

from recommendations.errors import InvalidParameter
from recommendations.serving.output_schema import CONTRACT_FIELDS, EVENT_SOURCES, SOURCES, apply_schema, parse_schema
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
    size = response_size(fields, CONTRACT_FIELDS)
    assert len(json.dumps(answer)) <= size.fields + events * size.event


def count_requests(bytes_of_user, users):
    return ResponseSize(bytes_of_user, 0).count_requests(users, 3, explain=False)


def test_a_common_response_counts_as_one_request():
    size = response_size(parse_schema({"user_id": "int", "recommended_events": "list"}), CONTRACT_FIELDS)
    assert size.count_requests(1, 20, explain=False) == 1
    assert size.count_requests(500, 20, explain=False) == 500
    assert size.count_requests(500, 3, explain=True) == 500


def test_a_large_response_counts_as_several():
    assert count_requests(BYTES_OF_REQUEST, 3) == 3
    assert count_requests(BYTES_OF_REQUEST + 1, 3) == 6


def test_a_response_that_is_too_large_is_refused_with_the_number_of_users():
    with pytest.raises(InvalidParameter, match=r"list at most 10$"):
        count_requests(MAX_RESPONSE_BYTES // 10, 11)
    assert count_requests(MAX_RESPONSE_BYTES // 10, 10) > 10


def test_a_response_for_one_user_is_never_refused():
    assert count_requests(2 * MAX_RESPONSE_BYTES, 1) > 1_000
