"""A message of a feed is read by a mapping, with the validation of every other message."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ingestion.mappings.reading import read_mapped
from ingestion.messages.decoding import Partial, Rejection, TimeBounds
from ingestion.messages.envelope import ORIGIN_HEADER
from ingestion.messages.reading import Several
from ingestion.tests.decoded_messages import SENT_AT, envelope_of
from ingestion.tests.kafka_client import NOW
from ingestion.tests.mappings.mapping_of import mapping_of
from ingestion.topics import COUPONS, EVENTS, USERS
from recommendations.validation.changes import UserChange
from recommendations.validation.rows import CouponRow, EventRow, Removal, UserRow

EVENT_MAPPING = mapping_of(
    """
    messages: events
    each: matches
    key: id
    fields:
      id: no
      sport: {value: FOOTBALL}
      country: area
      league: {document: competition}
      home_team: home
      away_team: away
      begin_timestamp: {from: kickoff, then: {time: {format: "%d/%m/%Y %H:%M", zone: Europe/London}}}
      end_timestamp: {from: end, then: {time: {format: "%d/%m/%Y %H:%M", zone: Europe/London}}}
      status: {from: state, then: {words: {PRE: open, TBC: suspended}}}
      odd: {from: price, default: null}
    """
)
MATCH = {
    "no": 7, "area": "England", "home": "Arsenal", "away": "Chelsea", "kickoff": "01/12/2025 20:00",
    "end": "01/12/2025 21:50", "price": 2.69, "state": "PRE",
}  # fmt: skip
USER_MAPPING = mapping_of(
    """
    messages: users
    key: [payload.id, id]
    remove: {when: op, is: d, id: before.id}
    fields:
      id: after.id
      status: after.status
      stake_limit: {from: after.limit, then: {divide: 100}}
    """
)


def read(mapping, topic, value, **changes):
    return read_mapped(mapping, topic, envelope_of(topic, value, **changes), TimeBounds.at(NOW))


def read_match(**changes):
    return read(EVENT_MAPPING, EVENTS, {"competition": "Premier League", "matches": [MATCH | changes]})


def test_a_document_of_one_item_is_one_row():
    row = read_match()
    assert isinstance(row, EventRow)
    assert (row.id, row.league, row.status, str(row.odd)) == (7, "PREMIER LEAGUE", "OPEN", "2.690")
    assert row.begin_timestamp.isoformat() == "2025-12-01T20:00:00+00:00"


def test_a_document_of_several_items_is_several_contents_each_with_its_own_result():
    matches = [MATCH, MATCH | {"no": 8, "price": "off"}, MATCH | {"no": 9, "kickoff": "soon"}]
    content = read(EVENT_MAPPING, EVENTS, {"competition": "L", "matches": matches})
    assert isinstance(content, Several)
    first, second, third = content.contents
    assert isinstance(first, EventRow)
    assert isinstance(second, Partial)
    assert isinstance(third, Rejection)
    assert (third.code, third.field) == ("unmapped", "begin_timestamp")
    assert third.detail == "begin_timestamp: the value is not in the format %d/%m/%Y %H:%M"
    assert [(change.id, change.is_withheld) for change in third.changes] == [(9, True)]


def test_a_document_without_items_has_no_contents():
    assert read(EVENT_MAPPING, EVENTS, {"competition": "L", "matches": []}) == Several(())


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"state": "TBC", "kickoff": "soon"}, "SUSPENDED"),
        ({"state": "FT", "kickoff": "soon"}, "SETTLED"),
        ({"state": "cancelled", "price": {}}, "CANCELLED"),
        ({"state": "no such word"}, "SUSPENDED"),
        ({"state": ["PRE", "FT"]}, "SUSPENDED"),
        ({"state": {"long": "Not Started"}}, "SUSPENDED"),
        ({"state": 5}, "SUSPENDED"),
    ],
)
def test_what_closes_is_read_whatever_else_can_not_be(changes, status):
    content = read_match(**changes)
    assert isinstance(content, Rejection)
    assert [(change.id, change.status) for change in content.changes] == [(7, status)]


@pytest.mark.parametrize(
    "changes", [{"price": {}}, {"price": [2, 3]}, {"home": None}, {"home": {}}, {"end": ""}, {"area": ["a", "b"]}]
)
def test_an_event_with_a_field_that_can_not_be_read_is_withheld(changes):
    content = read_match(**changes)
    assert isinstance(content, Rejection)
    assert [change.is_withheld for change in content.changes] == [True]


@pytest.mark.parametrize("price", [None, "", "-", 1])
def test_an_event_without_a_price_is_withheld(price):
    content = read_match(price=price)
    assert isinstance(content, Partial)
    assert content.change.is_withheld is True


@pytest.mark.parametrize(
    ("value", "code"),
    [(b"{", "malformed"), (b"<a/>", "malformed"), ({"matches": None}, "unmapped"), ({"matches": [5]}, "unmapped"),
     ({"matches": [{}] * 1_001}, "too_large"), (b'{"matches": "' + b"x" * 2_000_000 + b'"}', "too_large")],
)  # fmt: skip
def test_of_a_document_that_can_not_be_read_the_row_of_the_key_is_withheld(value, code):
    content = read(EVENT_MAPPING, EVENTS, value, key=b'{"id": 7}')
    assert isinstance(content, Rejection)
    assert content.code == code
    assert [(change.id, change.is_withheld) for change in content.changes] == [(7, True)]


def test_the_key_of_a_document_of_several_items_is_no_rows():
    content = read(EVENT_MAPPING, EVENTS, {"matches": [{"home": 5}, {"home": 6}]}, key=b'{"id": 7}')
    assert isinstance(content, Several)
    assert [each.changes for each in content.contents if isinstance(each, Rejection)] == [(), ()]


@pytest.mark.parametrize("key", [b'{"id": 7}', b'{"schema": {}, "payload": {"id": 7}}', b"7"])
def test_a_tombstone_removes_the_row_of_its_key(key):
    content = read(USER_MAPPING, USERS, None, key=key)
    assert isinstance(content, Removal)
    assert content.id == 7


@pytest.mark.parametrize("key", [b'{"no": 7}', b"{", b'{"id": {}}', None])
def test_a_tombstone_whose_key_names_no_row_is_rejected(key):
    content = read(USER_MAPPING, USERS, None, key=key)
    assert isinstance(content, Rejection)
    assert content.code == "bad_key"


def test_a_delete_removes_its_row_and_nothing_without_an_id():
    content = read(USER_MAPPING, USERS, {"op": "d", "before": {"id": 7}, "after": None})
    assert isinstance(content, Removal)
    assert content.id == 7
    content = read(USER_MAPPING, USERS, {"op": "d", "before": None, "after": None})
    assert isinstance(content, Rejection)
    assert (content.code, content.field) == ("unmapped", "id")


SENT = datetime.fromtimestamp(SENT_AT / 1_000, UTC)


@pytest.mark.parametrize(
    ("ts_ms", "removed_at"),
    [
        (SENT_AT - 5_000, SENT - timedelta(seconds=5)),
        (SENT_AT + 5_000, SENT),  # ahead of its sending
        ("soon", SENT),
        (-1, SENT),
        ({}, SENT),
        (None, SENT),
    ],
)
def test_a_delete_removes_its_row_as_of_the_time_in_the_document(ts_ms, removed_at):
    mapping = mapping_of(
        """
        messages: users
        remove: {when: op, is: d, id: before.id}
        fields:
          id: after.id
          timestamp: {from: ts_ms, then: {time: {unit: milliseconds}}}
        """
    )
    content = read(mapping, USERS, {"op": "d", "before": {"id": 7}, "after": None, "ts_ms": ts_ms})
    assert isinstance(content, Removal)
    assert content.timestamp == removed_at


@pytest.mark.parametrize(
    ("after", "limit"),
    [({"limit": 5_050}, "50.50"), ({"limit": "much"}, "0.00"), ({"limit": {}}, "0.00"), ({"limit": ""}, "0.00")],
)
def test_a_limit_that_can_not_be_read_is_reached(after, limit):
    content = read(USER_MAPPING, USERS, {"op": "u", "after": {"id": 7, "status": "active"} | after})
    assert isinstance(content, Rejection | Partial)
    [change] = content.changes if isinstance(content, Rejection) else [content.change]
    assert isinstance(change, UserChange)
    assert str(change.stake_limit) == limit


def test_a_users_unknown_status_closes():
    content = read(USER_MAPPING, USERS, {"op": "u", "after": {"id": 7, "status": "odd"}})
    assert isinstance(content, Rejection)
    assert [change.status for change in content.changes] == ["CLOSED"]
    assert content.unknown_word == "odd"


COUPON_MAPPING = mapping_of(
    """
    messages: coupons
    each: bets
    fields:
      user_id: player
      stake: stake
      timestamp: at
      recommended_events: {each: legs, fields: {sport: sport, country: c, league: l, home_team: h, away_team: a}}
    """
)
LEG = {"sport": "FOOTBALL", "c": "ENGLAND", "l": "PL", "h": "ARSENAL", "a": "CHELSEA"}
BET = {"player": 31, "stake": 2.5, "at": "2025-06-01T12:00:00Z", "legs": [LEG]}


def test_coupons_without_ids_in_one_message_are_identified_by_their_number():
    content = read(COUPON_MAPPING, COUPONS, {"bets": [BET, BET, BET]}, offset=17)
    assert isinstance(content, Several)
    sources = [row.source for row in content.contents if isinstance(row, CouponRow)]
    assert len(set(sources)) == 3
    envelope = envelope_of(COUPONS, {"bets": [BET, BET, BET]}, offset=99)
    assert envelope.headers is not None
    envelope.headers.append((ORIGIN_HEADER, str(envelope_of(COUPONS, None, offset=17).place).encode()))
    replayed = read_mapped(COUPON_MAPPING, COUPONS, envelope, TimeBounds.at(NOW))
    assert isinstance(replayed, Several)
    assert [row.source for row in replayed.contents if isinstance(row, CouponRow)] == sources


def test_a_selection_that_can_not_be_read_is_left_out_and_noted():
    content = read(COUPON_MAPPING, COUPONS, {"bets": [BET | {"legs": [LEG, LEG | {"h": {}}, 5]}]})
    assert isinstance(content, CouponRow)
    assert len(content.recommended_events) == 1
    assert [(each.number, each.code) for each in content.unread_selections or ()] == [(1, "wrong_type"), (2, "missing")]


def test_no_value_of_a_document_is_in_the_text_of_a_rejection():
    content = read(USER_MAPPING, USERS, msgspec.json.encode({"after": {"id": 7, "limit": "Ada Lovelace"}}))
    assert isinstance(content, Rejection)
    assert "Ada" not in content.detail
    assert isinstance(read(USER_MAPPING, USERS, {"after": {"id": {"$numberLong": "7"}}}), Rejection)
    assert not isinstance(content, UserRow)
