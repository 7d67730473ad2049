"""Places: a message's origin, through any transport, and its identity."""

from typing import Any

import msgspec

from ingestion.messages.envelope import ORIGIN_HEADER, Envelope, Headers, Place, Transport, pack, unpack
from ingestion.tests.decoded_messages import read
from ingestion.tests.sample_messages import coupon
from ingestion.topics import COUPONS

IN_KAFKA = Place("here", "coupons", 2, 17, 1_760_000_000_000)
IN_REQUEST = Place.in_upload(Transport.HTTP, "coupons", "order-5.0123", 17)
WITHOUT_KEY = Place.in_upload(Transport.HTTP, "coupons", "", 17)


def test_a_place_in_kafka_is_written_as_before_there_were_other_transports():
    assert str(IN_KAFKA) == IN_KAFKA.source == "here/coupons/2/17@1760000000000"
    assert msgspec.json.decode(msgspec.json.encode(IN_KAFKA)) == {
        "cluster": "here",
        "topic": "coupons",
        "partition": 2,
        "offset": 17,
        "sent_at": 1_760_000_000_000,
    }


def test_transports_are_distinguished():
    in_file = Place.in_upload(Transport.FILE, "coupons", "order-5.0123", 17)
    assert [str(IN_REQUEST), str(in_file)] == ["http:coupons/order-5.0123/17", "file:coupons/order-5.0123/17"]


def test_the_transport_of_a_packed_message_has_the_name_that_earlier_releases_read():
    packed = pack(Envelope(IN_REQUEST, 1, None, b"{}", []))
    assert msgspec.msgpack.decode(packed)["place"]["door"] == "http"


def test_a_request_without_a_key_identifies_no_message():
    assert (IN_REQUEST.source, WITHOUT_KEY.source) == ("http:coupons/order-5.0123/17", "")


def test_a_replayed_message_keeps_its_source():
    headers: Headers = [(ORIGIN_HEADER, str(IN_REQUEST).encode())]
    replayed = Envelope(IN_KAFKA, 1, None, b"{}", headers)
    assert (replayed.source, replayed.sent_at) == (IN_REQUEST.source, IN_KAFKA.sent_at)


def test_packed_messages_keep_their_place():
    for place in (IN_KAFKA, IN_REQUEST, WITHOUT_KEY):
        envelope = Envelope(place, 1, b"7", None, [])
        assert unpack(pack(envelope)) == envelope


def test_a_coupon_that_nothing_identifies_is_rejected():
    value = msgspec.json.encode(coupon())
    identified, unidentified = (_read(place, value) for place in (IN_REQUEST, WITHOUT_KEY))
    assert identified.source == IN_REQUEST.source
    assert (unidentified.code, unidentified.field) == ("missing", "id")


def _read(place: Place, value: bytes) -> Any:
    headers: Headers = [("casino_id", b"1")]
    return read(COUPONS, Envelope(place, 1, None, value, headers))
