"""The recommendation schema: any accepted schema can be applied, all others are rejected with a reason."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from unicodedata import is_normalized, normalize
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from recommendations.errors import InvalidConfiguration
from recommendations.serving.output_schema import (
    ALIASES,
    MAX_FIELDS,
    MAX_NAME,
    SOURCES,
    TYPES,
    apply_schema,
    load_schema,
    parse_schema,
    schema_as_json,
)
from recommendations.serving.recommendation import Recommendation, RecommendedEvent

PYTHON_TYPES = {"int": int, "float": float, "string": str, "uuid": str, "list": list}
FIELDS = [
    {"type": type_, "source_field": source}
    for source in [*SOURCES, *ALIASES]
    for type_ in SOURCES[ALIASES.get(source, source)]
]
BEGIN = datetime(2025, 6, 2, 18, tzinfo=UTC)
EVENT = RecommendedEvent(
    country="BRAZIL",
    league="SERIE A",
    home_team="SANTOS",
    away_team="BELEM",
    sport="FOOTBALL",
    odd=2.69,
    event_id=7,
    own_id=7,
    begin_timestamp=BEGIN,
    status="OPEN",
    score=1.5,
    reasons=("FOOTBALL is your favourite sport", "It begins in 1 day"),
)
EXAMPLE = Recommendation(
    recommendation_id=UUID("12345678-1234-5678-1234-567812345678"),
    user_id=31,
    own_id=31,
    stake=Decimal("25.51"),
    currency="EUR",
    timestamp=datetime(2025, 6, 1, 11, 28, 20, 507522, tzinfo=UTC),
    expires_at=BEGIN,
    recommender="inference",
    fallback_step=0,
    model_version="3",
    confidence=0.5,
    refusal="",
    recommended_events=(EVENT,),
    total_odds=Decimal("2.69"),
    potential_return=Decimal("68.62"),
)


def is_uuid_of_an_id(field):
    return field["type"] == "uuid" and field["source_field"] in {"id", "user_id"}


printable = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=MAX_NAME)
names = printable.map(lambda name: normalize("NFC", name)[:MAX_NAME]).filter(lambda name: is_normalized("NFC", name))
# That ids are UUIDs is known of the stored ones alone.
schemas = st.dictionaries(
    names, st.sampled_from([each for each in FIELDS if not is_uuid_of_an_id(each)]), max_size=8
).filter(lambda schema: sum(field["source_field"] == "recommended_events" for field in schema.values()) <= 1)
times = st.floats(946684800, 4102444800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
events = st.builds(
    RecommendedEvent,
    *[st.text(max_size=5)] * 5,
    odd=st.floats(1, 1000, exclude_min=True, allow_nan=False),
    event_id=st.integers(1),
    own_id=st.integers(1),
    begin_timestamp=times,
    status=st.just("OPEN"),
    score=st.floats(allow_nan=False),
    reasons=st.lists(st.text(max_size=5), max_size=3).map(tuple),
)
recommendations = st.builds(
    Recommendation,
    recommendation_id=st.uuids(),
    user_id=st.integers(1, 2**63 - 1),
    own_id=st.integers(1, 2**63 - 1),
    stake=st.decimals("0.01", "999999999999.99", places=2),
    currency=st.sampled_from(["EUR", "JPY"]),
    timestamp=times,
    expires_at=times,
    recommender=st.sampled_from(["static", "inference"]),
    fallback_step=st.integers(0, 9),
    model_version=st.sampled_from(["", "7"]),
    confidence=st.floats(0, 1),
    refusal=st.sampled_from(["", "closed"]),
    total_odds=st.decimals(1, 10**9, places=3),
    potential_return=st.decimals(1, 10**9, places=2),
    recommended_events=st.lists(events, max_size=4).map(tuple),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*TYPES, *SOURCES, *ALIASES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
half_sound_fields = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES) | json_values, "source_field": st.sampled_from(list(SOURCES)) | json_values}
)


@pytest.mark.no_cover
@settings(deadline=None)
@given(schemas, recommendations)
def test_an_accepted_schema_maps_any_recommendation_to_exactly_its_fields_and_types(schema, recommendation):
    answer = apply_schema(parse_schema(schema), recommendation)
    assert list(answer) == list(schema)
    for name, field in schema.items():
        assert type(answer[name]) is PYTHON_TYPES[field["type"]]
        if field["type"] == "uuid":
            assert str(UUID(answer[name])) == answer[name]
    json.dumps(answer, allow_nan=False)


@settings(deadline=None)
@given(schemas)
def test_a_stored_schema_loads_unchanged(schema):
    fields = parse_schema(schema)
    assert schema_as_json(fields) == schema
    assert parse_schema(json.loads(json.dumps(schema_as_json(fields)))) == fields


@pytest.mark.covered
@settings(deadline=None)
@given(json_values | st.dictionaries(st.text(), json_values | half_sound_fields), recommendations)
def test_an_invalid_schema_raises_only_invalid_configuration(schema, recommendation):
    try:
        fields = parse_schema(schema)
    except InvalidConfiguration:
        return
    assert list(apply_schema(fields, recommendation)) == list(schema)


@pytest.mark.parametrize(
    ("definition", "value"),
    [
        ({"type": "int", "source_field": "id"}, 31),
        ({"type": "int", "source_field": "user_id"}, 31),
        ({"type": "float", "source_field": "user_id"}, 31.0),
        ({"type": "string", "source_field": "user_id"}, "31"),
        ({"type": "float", "source_field": "stake"}, 25.51),
        ({"type": "string", "source_field": "stake"}, "25.51"),
        ({"type": "float", "source_field": "timestamp"}, 1748777300.507522),
        ({"type": "int", "source_field": "timestamp"}, 1748777300),
        ({"type": "string", "source_field": "timestamp"}, "2025-06-01T11:28:20.507522+00:00"),
        ({"type": "uuid", "source_field": "recommendation_id"}, "12345678-1234-5678-1234-567812345678"),
        ({"type": "string", "source_field": "recommendation_id"}, "12345678-1234-5678-1234-567812345678"),
        ({"type": "string", "source_field": "recommender"}, "inference"),
        (
            {"type": "list", "source_field": "recommended_events"},
            [
                {
                    "country": "BRAZIL",
                    "league": "SERIE A",
                    "home_team": "SANTOS",
                    "away_team": "BELEM",
                    "sport": "FOOTBALL",
                    "odd": 2.69,
                }
            ],
        ),
    ],
)
def test_each_source_in_each_of_its_types(definition, value):
    answer = apply_schema(parse_schema({"field": definition}), EXAMPLE)["field"]
    assert (answer, type(answer)) == (value, type(value))


def test_the_short_form_means_a_source_of_the_same_name():
    long = {"stake": {"type": "float", "source_field": "stake"}, "id": {"type": "int", "source_field": "id"}}
    assert parse_schema({"stake": "float", "id": "int"}) == parse_schema(long)
    assert apply_schema(parse_schema({"id": "int"}), EXAMPLE) == {"id": 31}


@pytest.mark.covered
@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("source", [*SOURCES, *ALIASES])
def test_a_type_that_a_source_cannot_have_is_rejected_with_the_possible_ones(type_, source):
    possible = SOURCES[ALIASES.get(source, source)]
    schema = {"field": {"type": type_, "source_field": source}}
    if type_ in possible:
        assert parse_schema(schema)
        return
    with pytest.raises(InvalidConfiguration, match=f"{source} can be {' or '.join(possible)}$"):
        parse_schema(schema)


@pytest.mark.parametrize("name", ["", "x" * (MAX_NAME + 1), "a\nb", "a\x00", "\ud800"])
def test_a_field_name_must_be_printable_and_not_too_long(name):
    with pytest.raises(InvalidConfiguration, match="name must be printable"):
        parse_schema({name: {"type": "int", "source_field": "id"}})


def test_a_field_name_has_one_form():
    composed, decomposed = (normalize(form, "Quoten für") for form in ("NFC", "NFD"))
    events = {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {decomposed: {"type": "float", "source_field": "odd"}},
    }
    [field] = parse_schema({decomposed: events})
    assert (field.name, field.fields[0].name) == (composed, composed)
    with pytest.raises(InvalidConfiguration, match=f"Two fields have the name {composed}"):
        parse_schema({composed: "int", decomposed: "int"})
    [stored] = load_schema({decomposed: {"type": "int", "source_field": "id"}})
    assert stored.name == decomposed  # its clients read it


def test_a_schema_has_a_maximum_number_of_fields():
    field = {"type": "int", "source_field": "id"}
    assert len(parse_schema({f"f{n}": field for n in range(MAX_FIELDS)})) == MAX_FIELDS
    with pytest.raises(InvalidConfiguration, match=f"at most {MAX_FIELDS} fields"):
        parse_schema({f"f{n}": field for n in range(MAX_FIELDS + 1)})


BET = msgspec.structs.replace(
    EVENT, market="TOTALS", line="2.5", outcome="OVER", producer="LIVE", priced_at=BEGIN, odd=1.91, outcome_score=0.5
)


def events_of(schema, *events):
    return apply_schema(parse_schema(schema), replace(EXAMPLE, recommended_events=events))["events"]


def test_only_an_event_chosen_by_its_markets_has_its_id_and_outcome_beside_the_fields_of_the_contract():
    schema = {"events": {"type": "list", "source_field": "recommended_events"}}
    own, bet = events_of(schema, EVENT, BET)
    assert list(own) == ["country", "league", "home_team", "away_team", "sport", "odd"]
    assert bet == own | {
        "odd": 1.91, "event_id": str(BET.own_id), "market": "TOTALS", "line": "2.5", "outcome": "OVER",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "type_", "expected", "without"),
    [
        ("market", "string", "TOTALS", ""),
        ("line", "string", "2.5", ""),
        ("line", "float", 2.5, None),
        ("outcome", "string", "OVER", ""),
        ("producer", "string", "LIVE", ""),
        ("priced_at", "string", BEGIN.isoformat(), None),
        ("priced_at", "float", BEGIN.timestamp(), None),
        ("priced_at", "int", int(BEGIN.timestamp()), None),
    ],
)
def test_the_sources_of_a_market_are_empty_in_an_event_with_an_odd_of_its_own(source, type_, expected, without):
    fields = {"it": {"type": type_, "source_field": source}}
    schema = {"events": {"type": "list", "source_field": "recommended_events", "fields": fields}}
    assert events_of(schema, BET, EVENT) == [{"it": expected}, {"it": without}]
    assert repr(events_of(schema, BET)) == repr([{"it": expected}])


def test_a_line_that_is_no_number_is_null_as_a_number():
    fields = {"it": {"type": "float", "source_field": "line"}}
    schema = {"events": {"type": "list", "source_field": "recommended_events", "fields": fields}}
    bets = [msgspec.structs.replace(BET, line=line) for line in ("MESSI", "-1.25")]
    assert events_of(schema, *bets) == [{"it": None}, {"it": -1.25}]
