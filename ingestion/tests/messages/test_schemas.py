"""The JSON Schemas: complete for those who send messages, and true for the decoder."""

import jsonschema  # type: ignore[import-untyped]  # comes with schemathesis
import msgspec
import pytest

from ingestion.api.schema_documents import encoded_schema, schema_document
from ingestion.messages.decoding import Rejection, TimeBounds, decode_message
from ingestion.messages.envelope import Envelope, Place
from ingestion.messages.field_texts import FIELD_TEXTS
from ingestion.tests.kafka_client import NOW
from ingestion.topics import TOPICS
from tenants.tests.api_clients import bearing, make_key

pytestmark = pytest.mark.parametrize("name", TOPICS)


def definitions(name):
    return schema_document(name)["$defs"].items()


def test_every_field_has_a_description_and_a_valid_example(name):
    document = schema_document(name)
    for definition, content in definitions(name):
        for field, part in content["properties"].items():
            assert '"description"' in msgspec.json.encode(part).decode(), field
            [example] = part["examples"]
            jsonschema.Draft202012Validator({"$defs": document["$defs"], **part}).validate(example)
        assert content["properties"].keys() == FIELD_TEXTS[definition].keys()


def test_example_of_the_whole_message_is_accepted(name, casino_a):
    document, topic = schema_document(name), TOPICS[name]
    [example] = document["$defs"][topic.message.__name__]["examples"]
    jsonschema.Draft202012Validator(document).validate(example)
    value = msgspec.json.encode(example)
    envelope = Envelope(Place("c", name, 0, 0, 0), 1, None, value, [("casino_id", b"1")])
    assert not isinstance(decode_message(topic.decode, envelope, TimeBounds.at(NOW)), Rejection)


def test_it_is_served_to_every_key_as_in_the_docs(name, client, casino_a, settings):
    settings.RECSYS_OPEN_API = False
    path = f"/api/schemas/{name}.json"
    headers = bearing(make_key(casino_a, "test").text)
    assert client.get(path).status_code == 401
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.content) == (200, encoded_schema(name))
    assert answer.json()["$id"] == path
    assert answer.headers["Content-Type"] == "application/json"
    assert "max-age=3600" in answer.headers["Cache-Control"]
    again = client.get(path, headers=headers | {"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_unknown_topic_is_not_found(name, client, casino_a):
    answer = client.get(f"/api/schemas/{name}.dead.json")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert "events" in answer.json()["error"]
