"""The outcomes of a request in the ledger: bounded, and without personal data."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import Envelope, Place, Transport
from ingestion.messages.results import MessageResult
from ingestion.uploads.outcomes import ItemOutcome, StoredOutcomes, decode_outcomes

MESSAGES = 10_000
PLACE = Place.in_upload(Transport.HTTP, "users", "a", 0)
WORDS = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=8)


def result(code: str, field: str = "", detail: str = "") -> MessageResult:
    envelope = Envelope(PLACE, 1, None, b"", [])
    if code == "stored":
        return MessageResult(envelope, code, note=detail)
    return MessageResult.reject(envelope, Rejection(code, field, detail))


def stored_outcomes(results: list[MessageResult]) -> list[ItemOutcome]:
    outcomes = StoredOutcomes()
    for each in results:
        outcomes.add([each])
    return list(decode_outcomes(msgspec.json.encode(outcomes).decode()))


@given(st.lists(st.tuples(WORDS, WORDS), max_size=20))
def test_code_and_field_are_kept_in_order_and_no_detail(rejections):
    found = stored_outcomes([result(code, field, "birth_year is 'Ada Lovelace'") for code, field in rejections])
    assert found == [
        ItemOutcome("stored") if code == "stored" else ItemOutcome("rejected", code, field)
        for code, field in rejections
    ]


def test_beyond_a_number_of_kinds_the_field_is_left_out_so_that_the_bytes_are_bounded():
    results = [result("missing", f"recommended_events[{number}].home_team", "x" * 1_000) for number in range(MESSAGES)]
    outcomes = StoredOutcomes(total=MESSAGES)
    outcomes.add(results)
    assert len(msgspec.json.encode(outcomes)) < 90_000
    found = list(outcomes)
    assert len(found) == MESSAGES
    assert outcomes.is_complete
    assert found[0] == ItemOutcome("rejected", "missing", "recommended_events[0].home_team")
    assert found[-1] == ItemOutcome("rejected", "missing")


def test_a_row_of_an_earlier_release_is_read_and_continued():
    outcomes = decode_outcomes('[{"outcome":"stored"},{"outcome":"stored"},{"outcome":"rejected","code":"missing"}]')
    outcomes.add([result("stored"), result("malformed")])
    assert [each.code or each.outcome for each in outcomes] == ["stored", "stored", "missing", "stored", "malformed"]
