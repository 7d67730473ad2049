import pytest

from .schema_changes import narrowings

TEXT = {"type": "string", "minLength": 1, "maxLength": 100}
NUMBER = {"type": "number", "minimum": 1, "maximum": 9}


def message(required=("id",), **properties):
    return {"$ref": "#/$defs/M", "$defs": {"M": {"type": "object", "properties": properties, "required": [*required]}}}


OLD = message(id={"type": "integer"}, name=TEXT, odd={"anyOf": [NUMBER, {"type": "null"}]})
FIELDS = OLD["$defs"]["M"]["properties"]

NARROWER = {
    "name is now required": message(("id", "name"), **FIELDS),
    "message.name: the field is gone": message(**{key: FIELDS[key] for key in ("id", "odd")}),
    "message.id: integer is no longer accepted": message(**FIELDS | {"id": {"type": "string"}}),
    "message.odd: null is no longer accepted": message(**FIELDS | {"odd": NUMBER}),
    "message.odd: maximum is now 8, and was 9": message(
        **FIELDS | {"odd": {"anyOf": [NUMBER | {"maximum": 8}, {"type": "null"}]}}
    ),
    "message.odd: exclusiveMinimum is now 1, and was none": message(
        **FIELDS | {"odd": {"anyOf": [{"type": "number", "exclusiveMinimum": 1}, {"type": "null"}]}}
    ),
    "message.name: maxLength is now 99, and was 100": message(**FIELDS | {"name": TEXT | {"maxLength": 99}}),
    "message.name: minLength is now 2, and was 1": message(**FIELDS | {"name": TEXT | {"minLength": 2}}),
    "message.name: pattern is now a, and was none": message(**FIELDS | {"name": TEXT | {"pattern": "a"}}),
    "message.name: anything is no longer accepted": message(**FIELDS | {"name": TEXT | {"enum": ["a"]}}),
}


@pytest.mark.parametrize("line", NARROWER)
def test_what_a_schema_refuses_that_it_accepted_is_reported(line):
    assert [each.removeprefix("message: ") for each in narrowings(OLD, NARROWER[line])] == [line]


@pytest.mark.parametrize(
    "wider",
    [
        OLD,
        message((), **FIELDS),
        message(**FIELDS, more={"type": "boolean"}),
        message(**FIELDS | {"id": {"anyOf": [{"type": "number"}, {"type": "string"}]}}),
        message(**FIELDS | {"name": {"type": ["string", "null"], "maxLength": 128}}),
        message(**FIELDS | {"odd": {}}),
    ],
)
def test_a_schema_that_accepts_as_much_is_compatible(wider):
    assert narrowings(OLD, wider) == []


def test_alternatives_of_required_fields_are_compared_with_each_other():
    def named_by(*sets):
        return {"type": "object", "properties": FIELDS, "anyOf": [{"required": [*each]} for each in sets]}

    assert narrowings(named_by(["id"], ["name", "odd"]), named_by(["odd"], ["id"])) == []
    assert narrowings(named_by(["id"], ["name"]), named_by(["id"])) == ["message: id is now required"]


def test_items_of_lists_are_compared():
    old = message(items={"type": "array", "items": TEXT, "minItems": 1})
    new = message(items={"type": "array", "items": TEXT | {"maxLength": 5}, "minItems": 2})
    assert narrowings(old, new) == [
        "message.items: minItems is now 2, and was 1",
        "message.items[]: maxLength is now 5, and was 100",
    ]
