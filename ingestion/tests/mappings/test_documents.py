"""Documents in JSON, XML and CSV are read; hostile ones end with an error."""

import time
from decimal import Decimal

import pytest

from ingestion.mappings.documents import items_of, read_document
from ingestion.mappings.errors import UnreadableDocument
from ingestion.mappings.format import Source
from ingestion.mappings.values import AMBIGUOUS
from ingestion.tests.mappings.mapping_of import mapped, mapping_of

JSON, XML, CSV = Source("json"), Source("xml"), Source("csv")


def problem_of(source: Source, raw: bytes) -> UnreadableDocument:
    with pytest.raises(UnreadableDocument) as caught:
        read_document(source, raw)
    return caught.value


def test_decimals_are_exact_and_a_name_twice_can_not_be_read():
    document = read_document(JSON, b'\xef\xbb\xbf{"a": 0.10000000000000000001, "b": 1, "b": 2, "c": 1, "c": 1}')
    assert document == {"a": Decimal("0.10000000000000000001"), "b": AMBIGUOUS, "c": 1}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"NaN", b'{"a": Infinity}', b"[" * 100_000, b"9" * 5_000])
def test_what_is_no_json_is_malformed(raw):
    assert problem_of(JSON, raw).code == "malformed"


def test_of_xml_attributes_and_elements_are_names_and_empty_elements_are_left_out():
    raw = b'<a x="1"><b>t</b><b q="2">u</b><c/><d>  </d><e y=""/></a>'
    assert read_document(XML, raw) == {"a": {"x": "1", "b": ["t", {"q": "2", "text": "u"}], "e": {"y": ""}}}
    assert read_document(Source("xml", lists=("b",)), b"<a><b>t</b></a>") == {"a": {"b": ["t"]}}


LAUGHS = b'<!DOCTYPE a [<!ENTITY a0 "lol">' + b"".join(
    b'<!ENTITY a%d "%s">' % (number, b"&a%d;" % (number - 1) * 10) for number in range(1, 10)
)


@pytest.mark.parametrize(
    "raw",
    [
        LAUGHS + b"]><a>&a9;</a>",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><a>b</a>',
        b"<a>" * 50_000 + b"</a>" * 50_000,
        b"<a>&nbsp;</a>",
        b"<a>",
        b"",
        b"{}",
        b"<a b='1' b='2'/>",
        "<a>é</a>".encode("latin-1"),
    ],
)
def test_hostile_and_broken_xml_is_malformed_and_read_at_once(raw):
    began = time.process_time()
    assert problem_of(XML, raw).code == "malformed"
    assert time.process_time() - began < 5


def test_a_row_of_csv_has_the_names_of_the_first_row_without_empty_cells():
    raw = 'id, name ,x,x\r\n1,"Ajax, Amsterdam",,2\r\n\r\n2\r\n3,é,1,2\r\n4,a,1,2,3\r\n5,a,1,1,,\r\n'.encode()
    assert read_document(CSV, raw) == [
        {"id": "1", "name": "Ajax, Amsterdam", "x": "2"},
        {"id": "2"},
        {"id": "3", "name": "é", "x": AMBIGUOUS},
        ["4", "a", "1", "2", "3"],
        {"id": "5", "name": "a", "x": "1"},
    ]
    source = Source("csv", delimiter=";", encoding="windows-1252")
    assert read_document(source, "id;name\n1;Köln".encode("windows-1252")) == [{"id": "1", "name": "Köln"}]
    assert read_document(source, "\ufeffid;name\n1;Köln".encode()) == [{"id": "1", "name": "Köln"}]


@pytest.mark.parametrize("raw", [b'a,b\n"1,2', b"a\n\xff", b"a\n" + b"x" * 200_000])
def test_broken_csv_is_malformed(raw):
    assert problem_of(CSV, raw).code == "malformed"


def items(each: str, document: object) -> list[object]:
    return items_of(mapping_of(f"messages: events\n{each}\nfields: {{id: id}}"), document)


def test_the_items_are_those_of_the_first_path_that_exists():
    document = {"data": {"events": [{"id": 1}, {"id": 2}]}, "event": {"id": 3}, "none": None, "empty": []}
    assert items("each: data.events", document) == [{"id": 1}, {"id": 2}]
    assert items("each: data.events[*]", document) == [{"id": 1}, {"id": 2}]
    assert items("each: [nothing, event]", document) == [{"id": 3}]
    assert items("each: empty[*]", document) == []
    assert items("each: $", [{"id": 1}]) == [{"id": 1}]
    assert items("", document) == [document]


@pytest.mark.parametrize("path", ["nothing", "none", "event.id.x", "data[*].x"])
def test_a_document_without_items_is_rejected(path):
    with pytest.raises(UnreadableDocument, match="has no item at the paths of each") as caught:
        items(f"each: {path}", {"none": None, "event": {"id": 3}, "data": []})
    assert caught.value.code == "unmapped"


def test_a_document_has_a_limit_of_items():
    with pytest.raises(UnreadableDocument, match="has 1001 items: send at most 1000") as caught:
        items("each: $", [{}] * 1_001)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(("item", "kind"), [(5, "a number"), ("x", "text"), ([["x"]], "a list"), ([None], "null")])
def test_an_item_that_is_no_object_is_rejected(item, kind):
    mapping = mapping_of("messages: events\neach: a\nfields: {id: id}")
    with pytest.raises(UnreadableDocument, match=f"an item of the document is {kind}, not an object"):
        mapped(mapping, {"a": item})


def test_a_list_without_items_becomes_no_message():
    assert mapped(mapping_of("messages: events\neach: a\nfields: {id: id}"), {"a": []}) == []
