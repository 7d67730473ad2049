"""Dead letters listed, shown, replayed and purged, by the commands. Rows are really committed."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ingestion.dead_letters.log import DeadLetterQuery, DeadLetterState, get_dead_letter, list_dead_letters
from ingestion.dead_letters.replay import MAX_REPLAYS, preview_replay, replay
from ingestion.dead_letters.write import DeadLetters
from ingestion.errors import NoSuchDeadLetter
from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Rejection
from ingestion.outcomes import MessageResult
from ingestion.tests.decoded_messages import envelope_of
from ingestion.tests.kafka_client import NOW, consume, send, send_raw
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user, without
from ingestion.topics import COUPONS, USERS
from recommendations.models import PurchasedCoupon, User
from recommendations.tests.factories import UserFactory
from tenants.models import Casino
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def dead_letters(*arguments):
    out = StringIO()
    call_command("dead_letters", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def listed(**conditions):
    return [(letter.casino_id, letter.reason) for letter in list_dead_letters(DeadLetterQuery(**conditions))]


@pytest.fixture
def rejected_messages(broker, casino_a, casino_b):
    send(USERS, [(1, b"{"), (2, without(user(), "name")), (1, user(id=8)), (None, user())])
    send(USERS, [(1, user(status="ASLEEP"))], partition=1)
    consume(USERS, 5)


def test_list_without_dead_letters_says_so(broker, casino_a):
    assert dead_letters("list") == "No dead letters.\n"
    assert json.loads(dead_letters("list", "--json")) == []


def test_dead_letters_are_found_by_casino_topic_and_reason(rejected_messages):
    assert sorted(map(str, listed())) == sorted(
        map(str, [(1, "malformed"), (2, "missing"), (None, "no_casino"), (1, "unknown_value")])
    )
    assert listed(casino_id=2) == [(2, "missing")]
    assert listed(reason="unknown_value") == [(1, "unknown_value")]
    assert listed(topic="coupons") == []
    text = dead_letters("list", "--casino", "1")
    assert "Total 2: 1 malformed, 1 unknown_value" in text
    assert "status must be one of" in text


def test_a_dead_letter_is_shown_with_its_message(rejected_messages):
    [letter] = list_dead_letters(DeadLetterQuery(reason="unknown_value"))
    shown = json.loads(dead_letters("show", letter.id, "--json"))
    assert json.loads(shown["value"]) == user(status="ASLEEP")
    assert (shown["reason"], shown["field"], shown["casino_id"], shown["topic"]) == (
        "unknown_value", "status", 1, "users",
    )  # fmt: skip
    assert "ASLEEP" in dead_letters("show", letter.id)


@pytest.mark.parametrize("letter_id", ["users/0/99", "users", "nothing/0/0", ""])
def test_unknown_dead_letter_is_an_error(rejected_messages, letter_id):
    with pytest.raises((CommandError, NoSuchDeadLetter), match="There is no dead letter"):
        get_dead_letter(letter_id)


def test_a_message_written_twice_after_a_crash_is_listed_once(broker, casino_a):
    dead = DeadLetters(USERS, Forwarder())
    result = MessageResult(envelope_of(USERS, b"{"), "malformed", Rejection("malformed", "", "no JSON"))
    for _ in range(2):
        dead.send([result], NOW)
    assert listed() == [(1, "malformed")]
    replay(list_dead_letters(DeadLetterQuery()))
    assert listed() == []


def test_sender_can_not_close_dead_letters(rejected_messages):
    """A rejected message with the header of a closing record is a dead letter like any other."""
    open_letters = len(listed())
    offsets = b"[0,1,2,3,4,5,6,7]"
    send_raw("users", offsets, [("casino_id", b"2"), ("dead.mark", b"purged"), ("replay.count", b"9" * 5_000)])
    consume(USERS, 1)
    assert len(listed()) == open_letters + 1


FOREIGN = [
    (b"", []),
    (b"[0]", [("dead.mark", b"nonsense")]),
    (b"[0", [("dead.mark", b"purged")]),
    (b"[" * 10_000, [("dead.mark", b"purged")]),
    (b'["x"]', [("dead.mark", b"\xff")]),
]


def test_foreign_messages_among_dead_letters_are_ignored(rejected_messages):
    for value, headers in FOREIGN:
        send_raw(USERS.dead, value, headers)
    assert len(listed()) == 4


def test_dead_letter_with_unreadable_headers_is_listed(broker, casino_a):
    send_raw(
        USERS.dead,
        b"",
        [("dead.place", b"x"), ("dead.at", b"yesterday"), ("dead.attempts", b"9" * 9_999), ("replay.count", b"-1")],
    )
    assert [(each.at, each.attempts, each.replays) for each in list_dead_letters(DeadLetterQuery())] == [(None, 1, 0)]


def test_message_is_replayed_and_stored_after_its_cause_is_fixed(rejected_messages, casino_a):
    Casino.objects.filter(pk=1).update(options={"status_words": {"users": {"asleep": "CLOSED"}}})
    [letter] = list_dead_letters(DeadLetterQuery(reason="unknown_value"))
    text = dead_letters("replay", letter.id, "--dry-run")
    assert text == "Expected results of 1 replays: 1 acceptable. Nothing sent.\n"
    assert dead_letters("replay", letter.id, "--yes") == "1 dead letters replayed.\n"
    assert consume(USERS, 1).counts == {(1, "stored"): 1}
    with use_casino(casino_a.current):
        assert User.objects.get(id=7).status == "CLOSED"
    assert (1, "unknown_value") not in listed()
    [closed] = list_dead_letters(DeadLetterQuery(ids=(letter.id,)), states=[DeadLetterState.REPLAYED])
    assert closed.state is DeadLetterState.REPLAYED


def test_a_coupon_without_an_id_that_is_replayed_twice_is_stored_once(broker, casino_a, settings):
    with use_casino(casino_a.current):
        UserFactory(id=7)
    settings.COUPON_MAX_SELECTIONS = 0
    send(COUPONS, [(1, coupon())])
    consume(COUPONS, 1)
    settings.COUPON_MAX_SELECTIONS = 50
    letters = list_dead_letters(DeadLetterQuery())
    assert len(replay(letters)) == len(replay(letters)) == 1  # as after a crash before the closing record
    assert consume(COUPONS, 2).counts == {(1, "stored"): 1, (1, "duplicate"): 1}
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == 1


def test_message_rejected_again_is_replayed_three_times_at_most(broker, casino_a):
    send(USERS, [(1, b"{")])
    for replays in range(MAX_REPLAYS + 1):
        consume(USERS, 1)
        [letter] = list_dead_letters(DeadLetterQuery())
        assert letter.replays == replays
        sent = replay([letter])
        assert len(sent) == (replays < MAX_REPLAYS)
    assert [preview.result for preview in preview_replay([letter], NOW)] == ["replayed too often"]
    assert "1 skipped: already replayed 3 times. Use --again to replay them anyway." in dead_letters("replay", "--yes")
    assert dead_letters("replay", "--yes", "--again") == "1 dead letters replayed.\n"


def test_purge_keeps_unselected_dead_letters(rejected_messages):
    assert dead_letters("purge", "--casino", "1", "--yes") == "2 dead letters purged.\n"
    assert sorted(map(str, listed())) == ["(2, 'missing')", "(None, 'no_casino')"]
    assert dead_letters("purge", "--older-than", "1", "--yes") == "0 dead letters purged.\n"
    assert len(listed()) == 2


def test_nothing_is_replayed_or_purged_without_confirmation(rejected_messages):
    for verb in ("replay", "purge"):
        with pytest.raises(CommandError, match="pass --yes to confirm"):
            dead_letters(verb)
    assert len(listed()) == 4


def test_given_id_must_be_of_an_open_dead_letter(rejected_messages):
    with pytest.raises(CommandError, match="No open dead letter has the id users/2/77"):
        dead_letters("purge", "users/2/77", "--yes")
