"""A repeated field has its strictest value, in any order and spelling."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.messages.decoding import Rejection, decode_event, decode_user
from ingestion.tests.decoded_messages import SENT_AT
from ingestion.tests.sample_messages import event, user
from recommendations.validation.rows import UserRow

from .test_decoding import accepted, read, rejected


def repeating(message, *fields):
    """The message as JSON, with these fields, pairs of the JSON of a name and a value, at its end."""
    body = json.dumps(message).removesuffix("}")
    return (body + "".join(f", {name}: {json.dumps(value)}" for name, value in fields) + "}").encode()


def both_orders(decode, message, field, first, second):
    name = json.dumps(field)
    rows = [
        accepted(decode, repeating(message, (name, one), (name, other)))
        for one, other in ((first, second), (second, first))
    ]
    assert rows[0] == rows[1]
    return rows[0]


@pytest.mark.parametrize(
    ("values", "strictest"),
    [
        (("self_excluded", "active"), "SELF_EXCLUDED"),
        (("time_out", "self_excluded"), "SELF_EXCLUDED"),
        (("closed", "self_excluded"), "CLOSED"),
        (("time_out", None), "TIME_OUT"),
        (("active", None), "ACTIVE"),
        (("closed", "asleep"), "CLOSED"),
        (("closed", 3), "CLOSED"),
    ],
)
def test_the_strictest_status_of_a_user_counts(values, strictest):
    assert both_orders(decode_user, user(), "status", *values).status == strictest


@pytest.mark.parametrize("order", list(permutations(["open", "suspended", "cancelled", None])))
def test_the_strictest_status_of_an_event_counts(order):
    assert accepted(decode_event, repeating(event(), *(('"status"', each) for each in order))).status == "CANCELLED"


def test_an_unknown_status_beside_a_permitting_one_is_rejected():
    for values in permutations(["asleep", "active"]):
        body = repeating(user(), *(('"status"', each) for each in values))
        assert rejected(decode_user, body) == ("unknown_value", "status")


@pytest.mark.parametrize(
    "name", [r'"\u0073tatus"', r'"stat\u0075s"', r'"\u0073\u0074\u0061\u0074\u0075\u0073"', '"status" ']
)
@pytest.mark.parametrize("other", ['"status"', r'"statu\u0073"', '"status"\n\t'])
def test_the_spelling_of_a_name_makes_no_difference(name, other):
    for one, second in permutations([(name, "self_excluded"), (other, "active")]):
        assert accepted(decode_user, repeating(user(surname="Ďuriš"), one, second)).status == "SELF_EXCLUDED"


def test_different_ends_are_none():
    message = user(status="time_out")
    years = "2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
    assert both_orders(decode_user, message, "status_until", *years).status_until is None


@pytest.mark.parametrize("field", ["stake_limit", "limit_left"])
@pytest.mark.parametrize(
    ("values", "lowest"), [((5, 50), 5), (("5.50", 50), "5.50"), ((5, None), 5), ((0, "7"), 0), ((9.99, 10), "9.99")]
)
def test_the_lowest_limit_counts(field, values, lowest):
    assert getattr(both_orders(decode_user, user(), field, *values), field) == Decimal(lowest)


@pytest.mark.parametrize("unreadable", ["many", True, [], {}])
def test_an_unreadable_limit_beside_a_readable_one_is_rejected(unreadable):
    for values in permutations([5, unreadable]):
        body = repeating(user(), *(('"limit_left"', each) for each in values))
        assert rejected(decode_user, body) == ("wrong_type", "limit_left")


def test_the_youngest_birth_counts():
    body = {name: value for name, value in user().items() if name != "birth_year"}
    assert both_orders(decode_user, body, "birth_year", 1985, 2012).birth_year == 2012
    born = both_orders(decode_user, user(), "birth_date", "1985-05-05", "1985-06-05").birth_date
    assert born == date(1985, 6, 5)


def test_of_different_times_none_counts_but_the_time_of_sending():
    sent = datetime.fromtimestamp(SENT_AT / 1_000, UTC)
    for decode, message in ((decode_user, user()), (decode_event, event())):
        row = both_orders(decode, message, "timestamp", "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z")
        assert row.timestamp == sent


@pytest.mark.parametrize(("decode", "message"), [(decode_user, user(id=1)), (decode_event, event(id=1))])
def test_different_ids_are_rejected_and_equal_ones_are_not(decode, message):
    assert rejected(decode, repeating(message, ('"id"', 2))) == ("inconsistent", "id")
    assert accepted(decode, repeating(message, ('"id"', 1))).id == 1


def test_a_conflict_is_reported_without_its_values(caplog):
    read(decode_user, repeating(user(), ('"status"', "closed"), ('"status"', "active")))
    assert "status occurs more than once" in caplog.text
    assert "closed" not in caplog.text


def test_names_in_values_and_in_nested_objects_are_none():
    assert accepted(decode_user, user(name='"status": "x" "status":', status="closed")).status == "CLOSED"
    assert accepted(decode_user, user(status="closed") | {"more": {"status": "active", "id": 9}}).status == "CLOSED"


@example(b"\xef\xbb\xbf", 0)
@given(st.binary(max_size=30), st.integers(0, 200))
def test_any_bytes_within_a_repeating_message_are_accepted_or_rejected(inserted, place):
    body = repeating(user(), ('"status"', "closed"), ('"status"', "active"))
    body = body[:place] + inserted + body[place:]
    row = read(decode_user, body)
    if isinstance(row, UserRow):  # the bytes may be in a name, which then is another field's
        pairs = json.loads(body.decode("utf-8-sig", errors="replace"), object_pairs_hook=list)
        assert row.status == ("CLOSED" if ("status", "closed") in pairs else "ACTIVE")
    else:
        assert isinstance(row, Rejection)


def test_bytes_that_are_no_text_in_an_unknown_field_hide_no_restriction():
    body = repeating(user(), ('"status"', "closed"), ('"status"', "active"), ('"x"', "?")).replace(b'"x"', b'"\x80"')
    assert accepted_bytes(body).status == "CLOSED"


def accepted_bytes(body):
    row = read(decode_user, body)
    assert isinstance(row, UserRow), row
    return row


@pytest.mark.parametrize("unusable", [None, 1, "off", "0.5", True, [], -2.5])
@pytest.mark.parametrize("name", ["odd", "Odd", "\\u006fdd"])
def test_an_event_with_an_odd_and_none_has_none(unusable, name):
    for values in permutations([2.5, unusable]):
        names = ['"odd"', f'"{name}"']
        body = repeating(event(), *zip(names, values, strict=True))
        assert rejected(decode_event, body)[1] == "odd"
    assert accepted(decode_event, repeating(event(), ('"odd"', "2.5"), ('"odd"', 3))).odd == 3


def test_a_number_of_thousands_of_digits_hides_no_status():
    body = repeating(user(), ('"status"', "closed"), ('"status"', "active"))
    assert accepted(decode_user, body[:-1] + b', "extra": ' + b"9" * 5_000 + b"}").status == "CLOSED"
