"""A mapping in a casino's options is checked when it is posted."""

import msgspec
import pytest

from ingestion.mappings.options import stored_mapping
from ingestion.mappings.shipped import shipped_mapping
from recommendations.errors import InvalidConfiguration
from recommendations.serving.options import options_as_json, parse_options

OWN = {"messages": "events", "fields": {"id": "no", "odd": {"from": "price", "default": None}}}


def test_a_shipped_mapping_and_ones_own_are_options():
    given = {"mapping": {"events": OWN, "users": "debezium-users"}}
    assert options_as_json(parse_options(given)) == given
    assert stored_mapping("users", "debezium-users") is shipped_mapping("debezium-users")
    own = stored_mapping("events", msgspec.json.encode(OWN).decode())
    assert own.fields.keys() == {"id", "odd"}


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ({"event": OWN}, "unknown field `event`"),
        ({"events": "api-fotball"}, "no 'api-fotball'; did you mean api-football?"),
        ({"events": "debezium-users"}, "mapping.events: the mapping makes messages of users, not of events"),
        ({"users": OWN}, "mapping.users: the mapping makes messages of events, not of users"),
        ({"events": {"messages": "events"}}, "mapping.events: a mapping needs fields"),
        ({"events": {"messages": "events", "fields": {"id": {"from": "x", "then": [{"lowr": 1}]}}}},
         "mapping.events.fields.id.then[0].lowr: then has no 'lowr'; did you mean lower?"),
        ({"events": {"messages": "events", "fields": {"hom_team": "x"}}},
         "mapping.events.fields.hom_team: a message has no 'hom_team'; did you mean home_team?"),
        ({"events": 5}, "Expected `str | object | null`"),
        ({"events": OWN | {"about": "x" * 70_000}}, "about must be text of at most"),
    ],
)  # fmt: skip
def test_a_mapping_that_can_not_be_used_is_refused_with_its_place(mapping, problem):
    with pytest.raises(InvalidConfiguration) as caught:
        parse_options({"mapping": mapping})
    assert problem in str(caught.value)


def test_many_mappings_do_not_fill_the_memory():
    for number in range(1_000):
        stored_mapping("events", msgspec.json.encode(OWN | {"about": str(number)}).decode())
    assert stored_mapping.cache_info().currsize <= 256
