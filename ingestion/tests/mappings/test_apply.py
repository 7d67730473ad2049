"""A document's values become fields; an unreadable value becomes a field that no decoder accepts."""

import msgspec
import pytest

from ingestion.mappings.apply import map_document, map_key
from ingestion.mappings.errors import UnreadableDocument
from ingestion.mappings.values import UNREADABLE
from ingestion.tests.mappings.mapping_of import field_of, mapped, mapping_of


@pytest.mark.parametrize(
    ("rule", "document", "result"),
    [
        ("x", {"x": "a"}, "a"),
        ("x", {"x": 5}, 5),
        ("x", {"x": 0.0000001}, 0.0000001),
        ("x", {"x": True}, True),
        ("x", {}, None),
        ("x", {"x": []}, None),
        ("x", {"x": ["a"]}, "a"),
        ("x", {"x": {}}, "league: the value is an object"),
        ("x", {"x": [["a"]]}, "league: the value is a list"),
        ("[x, y]", {"x": None, "y": "b"}, "b"),
        ("{from: [x, y]}", {"x": "", "y": "b"}, "b"),
        ("{from: [x, y]}", {"y": "b"}, "b"),
        ("{from: [x, y]}", {"x": ""}, ""),
        ("{value: a}", {}, "a"),
        ("{value: [a, 2]}", {}, ["a", 2]),
        ("{from: x, default: z}", {}, "z"),
        ("{from: x, default: z}", {"x": None}, "z"),
        ("{from: x, default: z}", {"x": ""}, "z"),
        ("{from: x, default: z}", {"x": "a"}, "a"),
        ("{from: x, then: [{only_words: {a: b}}], default: z}", {"x": "c"}, "league: the value is none of the words"),
        ("{all: [x, y], then: [{join: -}]}", {"x": "a", "y": "b"}, "a-b"),
        ("{all: [x, y], then: [{join: -}]}", {"x": "a"}, "league: the value lacks a part"),
        ("{all: [x, y], then: [{join: -}]}", {}, None),
        ("'x[*].n'", {"x": [{"n": "a"}, {"n": "b"}]}, "league: the value is one of 2 found"),
        ("{from: 'x[*].n', then: first}", {"x": [{"n": "a"}, {"n": "b"}]}, "a"),
        ("{from: x, then: [lower, {prefix: 'l '}]}", {"x": "A"}, "l a"),
    ],
)
def test_a_field_gets_its_value(rule, document, result):
    found = field_of(rule, document)
    assert found.startswith(result) if isinstance(found, str) and ":" in found else found == result, found


def test_null_stays_null_and_a_missing_value_is_left_out():
    mapping = mapping_of("messages: users\nfields: {id: id, stake_limit: limit, limit_left: left}")
    assert mapped(mapping, {"id": 1, "limit": None}) == [{"id": 1, "stake_limit": None}]


def test_decimals_stay_as_they_were_written():
    mapping = mapping_of("messages: events\nfields: {odd: odd}")
    assert map_document(mapping, b'{"odd": 0.00000010}')[0].value == b'{"odd":0.00000010}'
    assert map_document(mapping, b'{"odd": 1e999999}')[0].problems == {
        "odd": "odd: the value is a number outside of all bounds"
    }


def test_a_value_twice_in_one_object_can_not_be_read():
    mapping = mapping_of("messages: events\nfields: {status: s.v, id: id}")
    [message] = map_document(mapping, b'{"id": 1, "s": {"v": "open", "v": "closed"}}')
    assert msgspec.json.decode(message.value or b"") == {"status": UNREADABLE, "id": 1}
    assert message.problems == {"status": "status: the value is in the document twice, with different values"}


def test_a_value_of_the_whole_document_is_found_for_each_item():
    mapping = mapping_of("messages: events\neach: m\nfields: {id: id, league: {document: c.name, then: upper}}")
    document = {"c": {"name": "Cup"}, "m": [{"id": 1}, {"id": 2, "c": {"name": "no"}}]}
    assert mapped(mapping, document) == [{"id": 1, "league": "CUP"}, {"id": 2, "league": "CUP"}]


def test_selections_are_mapped_one_by_one():
    mapping = mapping_of(
        """
        messages: coupons
        fields:
          user_id: player
          stake: {from: cents, then: {divide: 100}}
          recommended_events: {each: "legs[*]", fields: {event_id: id, odd: odd, sport: {document: sport}}}
        """
    )
    document = {"player": 1, "cents": 250, "sport": "TENNIS", "legs": [{"id": 7, "odd": "2.5"}, "x", {"odd": {}}]}
    [message] = map_document(mapping, msgspec.json.encode(document))
    assert msgspec.json.decode(message.value or b"") == {
        "user_id": 1,
        "stake": 2.5,
        "recommended_events": [
            {"event_id": 7, "odd": "2.5", "sport": "TENNIS"},
            UNREADABLE,
            {"odd": UNREADABLE, "sport": "TENNIS"},
        ],
    }
    assert message.problems == {
        "recommended_events[2].odd": "recommended_events[2].odd: the value is an object",
    }
    assert mapped(mapping, {"player": 1}) == [{"user_id": 1}]


REMOVAL = "messages: users\nremove: {when: op, is: [d, t], id: [before.id, id]}\nfields: {id: id}"


def test_an_item_with_the_word_removes_its_row():
    [message] = map_document(mapping_of(REMOVAL), b'{"op": "d", "before": {"id": 7}}')
    assert (message.value, message.row_id) == (None, "7")
    assert mapped(mapping_of(REMOVAL), {"op": "u", "id": 7}) == [{"id": 7}]


@pytest.mark.parametrize(
    "document", [{"op": "d"}, {"op": "d", "id": None}, {"op": "d", "id": {}}, {"op": "t", "id": True}]
)
def test_a_removal_without_an_id_is_unreadable(document):
    [message] = map_document(mapping_of(REMOVAL), msgspec.json.encode(document))
    assert msgspec.json.decode(message.value or b"") == {"id": UNREADABLE}
    assert message.problems.keys() == {"id"}


def test_the_key_has_the_rows_id():
    mapping = mapping_of("messages: users\nkey: [payload.id, id]\nfields: {id: id}")
    assert map_key(mapping, {"id": 7}) == "7"
    assert map_key(mapping, {"payload": {"id": "u-7"}}) == "u-7"
    assert map_key(mapping, {"payload": {}}) is None
    assert map_key(mapping, {"id": {}}) is None
    assert map_key(mapping_of("messages: users\nfields: {id: id}"), {"id": 7}) is None


def test_what_a_mapping_makes_is_bounded():
    assert field_of("{from: x, then: list}", {"x": ["a"] * 1_001}) == "league: the value is a list of more than 1000"
    assert field_of("{from: x, then: [{join: ''}]}", {"x": ["a"] * 1_001}) == (
        "league: the value has more than 1000 characters"
    )
    legs = "messages: coupons\nfields: {recommended_events: {each: l, fields: {league: a}}}"
    [message] = map_document(mapping_of(legs), msgspec.json.encode({"l": [{}] * 1_001}))
    assert message.problems == {"recommended_events": "recommended_events: the value is a list of more than 1000"}
    text = {"document": "c", "then": "text"}
    fields = {"user_id": text, "recommended_events": {"each": "l", "fields": {"league": text, "country": text}}}
    rule = {"messages": "coupons", "each": "m", "fields": fields}
    huge = {"c": "x" * 999, "m": [{"l": [{}] * 900}] * 20}
    with pytest.raises(UnreadableDocument, match="the mapping makes more than 16777216 bytes"):
        map_document(mapping_of(msgspec.json.encode(rule).decode()), msgspec.json.encode(huge))


def test_a_document_that_takes_too_long_is_given_up():
    mapping = mapping_of("messages: events\neach: m\nfields: {id: id, league: \"x[?@.a=='b'].c\"}\n")
    document = msgspec.json.encode({"m": [{"id": 1, "x": [{"a": "c"}] * 40}] * 900})
    with pytest.raises(UnreadableDocument, match=r"the mapping takes longer than 0\.001 s") as caught:
        map_document(mapping, document, max_seconds=0.001)
    assert caught.value.code == "too_large"


MANY: list[dict[str, object]] = [{}] * 5_000
SLOW = "x[?" + " || ".join(f"@.{letter}" for letter in "abcdefghijkl") + "]"


@pytest.mark.parametrize(
    ("rule", "document"),
    [
        ({"from": SLOW}, {"x": MANY}),
        ({"from": ["x[?$.a==$.b]"]}, {"x": MANY, "a": [1.5] * 2_000, "b": [1.5] * 2_000}),
        ({"from": ["x[*][*].a"] * 10}, {"x": [[{}]] * 5_000}),
        ({"from": "x[*]", "then": [{"time": {"format": "%Y", "zone": "Europe/London"}}]}, {"x": ["2026"] * 5_000}),
    ],
)
def test_one_field_that_takes_too_long_is_given_up(rule, document):
    mapping = mapping_of(msgspec.json.encode({"messages": "events", "fields": {"league": rule}}).decode())
    with pytest.raises(UnreadableDocument, match=r"the mapping takes longer than 0\.02 s"):
        map_document(mapping, msgspec.json.encode(document), max_seconds=0.02)


def test_items_that_take_too_long_to_find_are_given_up():
    mapping = mapping_of(msgspec.json.encode({"messages": "events", "each": SLOW, "fields": {"id": "id"}}).decode())
    with pytest.raises(UnreadableDocument, match="takes longer"):
        map_document(mapping, msgspec.json.encode({"x": MANY}), max_seconds=0.02)
