"""Values and keys in other encodings: read if they are unambiguous, otherwise rejected by name."""

import codecs
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.messages.decoding import Rejection
from ingestion.messages.encodings import parse_key
from ingestion.tests.decoded_messages import envelope_of
from ingestion.tests.decoded_messages import read as read_message
from ingestion.tests.sample_messages import coupon, event, user
from ingestion.topics import COUPONS, EVENTS, USERS
from recommendations.validation.rows import Removal

from .test_decoding import KINDS, accepted, read

pytestmark = pytest.mark.covered

FRAME = b"\x00" + struct.pack(">I", 7)
IDS = [1, 7, 255, 256, 65_536, 12_345_678, 2**31, 2**53, 2**62]


@pytest.mark.parametrize(
    ("topic", "message"),
    [(USERS, user()), (EVENTS, event()), (EVENTS, {"id": 7, "status": "suspended"}), (COUPONS, coupon())],
)
def test_a_byte_order_mark_is_skipped(topic, message):
    body = json.dumps(message).encode()
    content = read_message(topic, envelope_of(topic, codecs.BOM_UTF8 + body))
    assert content == read_message(topic, envelope_of(topic, body))
    assert not isinstance(content, Rejection)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", ['{"id": 7}', ' {"id": 7}', "[1]", '"text"'])
def test_utf_16_is_reported_by_name(encoding, text):
    for decode, _ in KINDS:
        answer = read(decode, text.encode(encoding))
        assert answer == Rejection("malformed", "", "the value is UTF-16: send UTF-8")


@pytest.mark.parametrize("payload", [b"", b'{"id": 7}', b"\x02\x0eAda", b"\x00\x0e"])
def test_the_framing_of_a_schema_registry_is_reported_by_name(payload):
    for decode, _ in KINDS:
        answer = read(decode, FRAME + payload)
        assert isinstance(answer, Rejection)
        assert (answer.code, "schema registry" in answer.detail) == ("malformed", True)


@pytest.mark.parametrize("row_id", IDS)
def test_a_tombstones_key_may_be_digits_json_text_or_a_long(row_id):
    for key in (str(row_id).encode(), f'"{row_id}"'.encode(), struct.pack(">q", row_id)):
        for decode, _ in KINDS:
            removal = accepted(decode, None, key=key)
            assert isinstance(removal, Removal)
            assert removal.id == row_id


@pytest.mark.parametrize(("key", "row_id"), [(b"12345678", 12_345_678), (b'"123456"', 123_456)])
def test_eight_digits_are_digits_and_no_long(key, row_id):
    assert parse_key(key) == row_id


@pytest.mark.parametrize(
    "key",
    [
        *(b"12-34-56", b" 1234567", b"0x123456", b"\x33\xc3\xa9-1234", b"1a2b3c4d", b"00000001"),
        *(FRAME + b"123", FRAME + b'"7"', FRAME + b"7", "1234".encode("utf-16-be"), "1234".encode("utf-16-le")),
        *(
            b'"1',
            b'1"',
            b'""',
            b'"1" ',
            b"1\n",
            struct.pack(">i", 7),
            struct.pack(">q", 7) * 2,
        ),
    ],
)
def test_a_key_that_could_be_another_thing_removes_nothing(key):
    for decode, _ in KINDS:
        answer = read(decode, None, key=key)
        assert isinstance(answer, Rejection)
        assert (answer.code, answer.field) == ("bad_key", "")


@pytest.mark.parametrize("own", ["john.doe", "user:007", "deadbeef", "sr:match:123", "Zoë 1", "01", "'1'", "-5"])
def test_text_is_an_id_and_no_long(own):
    assert parse_key(own.encode()) == parse_key(json.dumps(own).encode()) == own


def test_eight_characters_that_could_be_a_long_are_an_id_in_quotes():
    assert parse_key(b"1a2b3c4d") is None
    assert parse_key(b'"1a2b3c4d"') == "1a2b3c4d"


@given(st.binary(max_size=10) | st.text(max_size=10).map(str.encode))
def test_a_key_is_an_id_only_in_its_three_forms(key):
    own = parse_key(key)
    if isinstance(own, int):
        assert key in (str(own).encode(), json.dumps(str(own)).encode(), struct.pack(">Q", own)) or not key.isascii()
    elif own is not None:
        assert 0 < len(own) <= 128
        assert own.isprintable()
        assert own == own.strip()
