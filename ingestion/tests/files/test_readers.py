"""Readers of files of messages: CSV, JSON and NDJSON, whole and damaged."""

import gzip
import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import UnreadableFile
from ingestion.files.csv_rows import read_csv
from ingestion.files.json_items import read_json
from ingestion.files.left_out_columns import LeftOutColumns
from ingestion.files.readers import read_lines, read_messages
from ingestion.files.source import FileFormat, format_of, unpacked
from ingestion.tests.decoded_messages import envelope_of, read
from ingestion.topics import COUPONS, EVENTS, ODDS, USERS
from recommendations.validation.settings_limits import limits

MOST = 1_000


def rows(text: str | bytes, topic: Any = USERS, delimiter: str = ",") -> list[tuple[int, Any]]:
    content = text if isinstance(text, bytes) else text.encode()
    found = read_csv(io.BytesIO(content), topic.message, delimiter, LeftOutColumns())
    return [(each.number, each.problem or json.loads(each.value or b"")) for each in found]


def items(content: bytes) -> list[bytes | None]:
    return [each.value for each in read_json(io.BytesIO(content), MOST)]


def lines(content: bytes) -> list[tuple[int, bytes | None]]:
    return [(each.number, each.value) for each in read_lines(io.BytesIO(content), MOST)]


def test_a_row_is_a_message_with_the_fields_of_its_columns():
    assert rows("id,name,birth_year,status\nsr:1,Ada,1985,\n007,Zoë,x,active\n") == [
        (2, {"id": "sr:1", "name": "Ada", "birth_year": 1985}),
        (3, {"id": "007", "name": "Zoë", "birth_year": "x", "status": "active"}),
    ]


def test_columns_are_named_in_any_case_so_that_no_status_is_left_out():
    [(_, message)] = rows("ID,Birth Year, STATUS \n1,1985,self_excluded\n")
    assert message == {"id": "1", "birth_year": 1985, "status": "self_excluded"}
    with pytest.raises(UnreadableFile, match="names a column twice"):
        rows("id,status,Status\n1,active,closed\n")


def test_dotted_columns_are_inner_fields():
    head = "id,recommended_events.0.event_id,recommended_events.0.odd,recommended_events.1.event_id"
    [(_, message)] = rows(f"{head}\n1,7,2.50,8\n", COUPONS)
    assert message["recommended_events"] == [{"event_id": "7", "odd": "2.50"}, {"event_id": "8"}]


def test_a_list_may_be_json_in_its_cell():
    [(_, message)] = rows('id,recommended_events\n1,"[{""event_id"": 7}]"\n', COUPONS)
    assert message["recommended_events"] == [{"event_id": 7}]


def test_json_that_is_cut_stays_text_for_the_decoder_to_reject():
    [(_, message)] = rows('id,recommended_events\n1,"[{""event_id"": 7}"\n', COUPONS)
    assert message["recommended_events"] == '[{"event_id": 7}'


def test_a_truth_is_one_and_null_is_null_where_it_means_something():
    assert rows("id,start_time_tbd,odd,league\n1,TRUE,null,null\n", EVENTS) == [
        (2, {"id": "1", "start_time_tbd": True, "odd": None, "league": "null"})
    ]


def test_columns_of_lists_in_lists_are_inner_fields():
    head = "event_id,producer,markets.0.market,markets.0.outcomes.0.outcome,markets.0.outcomes.0.odds"
    left_out = LeftOutColumns()
    [row] = read_csv(io.BytesIO(f"{head}\n7,LIVE,1X2,HOME,2.5\n".encode()), ODDS.message, ",", left_out)
    assert json.loads(row.value or b"")["markets"] == [
        {"market": "1X2", "outcomes": [{"outcome": "HOME", "odds": "2.5"}]}
    ]
    text = "'markets.0.outcomes.0.odds' (did you mean markets.0.outcomes.0.odd?)"
    assert str(left_out) == f"Columns left out: {text}."


def test_columns_that_no_message_has_are_left_out():
    assert rows("id,internal note\n1,x\n") == [(2, {"id": "1"})]


def test_rows_are_numbered_by_their_first_lines():
    assert [number for number, _ in rows('id,name\n1,"A\nB"\n\n2,C\n')] == [2, 5]


def test_rows_of_empty_cells_are_skipped():
    assert rows("id,name\n,\n1,A\n,\n") == [(3, {"id": "1", "name": "A"})]


def test_a_row_with_unknown_columns_alone_is_a_message_without_fields():
    assert rows("id,internal note\n,x\n") == [(2, {})]


def test_a_row_with_other_cells_than_the_first_line_is_a_problem_of_its_own():
    assert rows("id,name\n1,A,B\n2,C\n3\n") == [
        (2, "the row has 3 cells, the first line 2"),
        (3, {"id": "2", "name": "C"}),
        (4, "the row has 1 cells, the first line 2"),
    ]


def test_another_delimiter_and_a_byte_order_mark():
    assert rows(b"\xef\xbb\xbfid;name\n1;A,B\n", delimiter=";") == [(2, {"id": "1", "name": "A,B"})]


def test_bytes_that_are_no_utf8_reject_their_row_only():
    content = b"id,name,surname,birth_year,currency,country,gender,timestamp,favorite_sport\n"
    content += b"1,Zo\xeb,L,1985,EUR,X,FEMALE,2025-01-01,F\n"
    [message] = read_csv(io.BytesIO(content), USERS.message, ",", LeftOutColumns())
    found: Any = read(USERS, envelope_of(USERS, message.value))
    assert (found.code, found.field) == ("malformed", "")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "id,id\n1,2\n", 'id,name\n1,"A\n2,B\n'])
def test_a_file_that_is_no_such_csv_is_refused(text):
    with pytest.raises(UnreadableFile):
        rows(text)


@pytest.mark.parametrize(
    "content", [b'[{"a": 1}, {"b": [2, {}]}]', b'{"a": 1} {"b": [2, {}]}', b'{"a":1}\n{"b":[2,{}]}\n']
)
def test_json_is_an_array_or_messages_in_a_row(content):
    assert items(content) == [b'{"a":1}', b'{"b":[2,{}]}']


def test_digits_and_repeated_names_of_json_stay():
    content = b'{"odd":2.690,"odd":12345678901234567890.10,"status":"open","status":"settled","e":1E+2}'
    assert items(b"[" + content + b"]") == [content]


def test_a_file_without_messages_has_none():
    assert (items(b"[]"), lines(b""), lines(b" \n")) == ([], [], [])


def test_json_is_read_up_to_its_first_error():
    found = read_json(io.BytesIO(b'[{"a": 1}, {"b": NaN}]'), MOST)
    assert next(found).value == b'{"a":1}'
    with pytest.raises(UnreadableFile, match="no JSON after message 1"):
        next(found)


@pytest.mark.parametrize("before", [0, 70_000])  # the parser reads blocks of 64 KB
@pytest.mark.parametrize("number", [b"9" * 5_000, b"1e99999999999999999999"])
def test_a_number_that_python_does_not_read_ends_the_reading(before, number):
    with pytest.raises(UnreadableFile, match="no JSON after message 1"):
        items(b'[{"id": "%s"}, {"id": %s}]' % (b"x" * before, number))


@pytest.mark.slow
def test_a_text_that_fills_the_memory_ends_the_reading():
    packed = io.BytesIO(gzip.compress(b'{"id": "' + b"x" * 17_000_000 + b'"}', 1))
    with pytest.raises(UnreadableFile, match="a text has more than 16777216 bytes"):
        list(read_json(unpacked(packed), MOST))


def test_a_message_of_any_size_takes_bounded_memory_and_is_too_large():
    text = b'{"id": 1, "x": [' + b"1," * 5_000 + b"1]}"
    for value in (items(b"[" + text + b', {"id": 2}]'), [each for _, each in lines(text + b'\n{"id": 2}\n')]):
        assert len(value) == 2
        assert MOST < len(value[0] or b"") < MOST + 10
        assert json.loads(value[1] or b"") == {"id": 2}


def test_lines_are_numbered_and_blank_ones_skipped():
    assert lines(b'{"id": 1}\r\n\n \n{"id"\n{"id": 2}') == [(1, b'{"id": 1}'), (4, b'{"id"'), (5, b'{"id": 2}')]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=5))
def test_json_is_written_again_as_it_was(messages):
    found = [json.loads(each or b"") for each in items(json.dumps(messages).encode())]
    assert found == messages


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", "csv"), ("A.JSON", "json"), ("a.jsonl.gz", "ndjson"), ("b/a.ndjson", "ndjson")]
)
def test_the_name_tells_the_format(name, expected):
    assert format_of(name) == expected


def test_a_name_that_tells_no_format_is_refused():
    with pytest.raises(UnreadableFile, match="--format"):
        format_of("events.txt")


def test_compressed_files_are_unpacked():
    assert unpacked(io.BytesIO(gzip.compress(b"x"))).read() == unpacked(io.BytesIO(b"x")).read() == b"x"


@pytest.mark.parametrize("cut", [10, 30])
def test_a_cut_compressed_file_is_read_up_to_the_cut(cut):
    whole = gzip.compress(b'{"id": 1}\n' * 5)
    source = unpacked(io.BytesIO(whole[:cut]))
    with pytest.raises(UnreadableFile, match="damaged"):
        list(read_messages(source, FileFormat.NDJSON, USERS, ",", LeftOutColumns()))


def test_the_limit_is_that_of_messages():
    text = msgspec.json.encode({"name": "x" * (limits.message_bytes + 10)})
    [message] = read_messages(io.BytesIO(text), FileFormat.NDJSON, USERS, ",", LeftOutColumns())
    found: Any = read(USERS, envelope_of(USERS, message.value))
    assert found.code == "too_large"
