"""Dead letters listed, shown, replayed and purged, by the commands. Rows are really committed."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from ingestion.dead_letters.preview import preview_replay
from ingestion.dead_letters.purge import prune_closed
from ingestion.dead_letters.replay import MAX_REPLAYS, replay
from ingestion.dead_letters.tables import CONTENT
from ingestion.models import DeadLetter
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.kafka_client import NOW, closed_port, consume, read_all, send, send_raw
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, event, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, EVENTS, USERS
from recommendations.models import PurchasedCoupon, User
from recommendations.tests.factories import UserFactory
from tenants.models import Casino
from tenants.models.dead_letter import DeadLetterState, UnassignedDeadLetter
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def dead_letters(*arguments):
    out = StringIO()
    call_command("dead_letters", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def listed(**conditions):
    return [(letter.casino_id, letter.reason) for letter in stored_letters(**conditions)]


def letters_of(casino):
    """The casino's queryset, to be used while it is current."""
    return DeadLetter.objects.order_by("pk")


@pytest.fixture
def rejected_messages(broker, casino_a, casino_b):
    send(USERS, [(1, b"{"), (2, user(name="x" * 101)), (1, user(id=8)), (None, user())])
    send(USERS, [(1, user(status="ASLEEP"))], partition=1)
    consume(USERS, 5)


def test_list_without_dead_letters_says_so(broker, casino_a):
    assert dead_letters("list") == "No dead letters.\n"
    assert json.loads(dead_letters("list", "--json")) == []


def test_dead_letters_are_found_by_casino_topic_and_reason(rejected_messages):
    assert sorted(map(str, listed())) == sorted(
        map(str, [(1, "malformed"), (2, "too_long"), (None, "no_casino"), (1, "unknown_value")])
    )
    assert listed(casino_id=2) == [(2, "too_long")]
    assert listed(reason="unknown_value") == [(1, "unknown_value")]
    assert listed(topic="coupons") == []
    text = dead_letters("list", "--casino", "1")
    assert "Total 2: 1 malformed, 1 unknown_value" in text
    assert "status must be one of" in text


def test_list_shows_the_latest_and_counts_all(rejected_messages):
    text = dead_letters("list", "--limit", "1")
    assert "Total 4: " in text
    assert text.count("\n") == 4
    assert len(json.loads(dead_letters("list", "--limit", "0", "--json"))) == 4


def test_a_casino_whose_database_is_unavailable_is_left_out_and_named(rejected_messages, casino_b):
    error = StringIO()
    with database_unavailable(casino_b):
        call_command("dead_letters", "list", stdout=StringIO(), stderr=error)
    assert "Beta (casino 2) is left out: " in error.getvalue()


def test_a_dead_letter_is_shown_with_its_message(rejected_messages):
    [letter] = stored_letters(reason="unknown_value")
    shown = json.loads(dead_letters("show", letter.id, "--json"))
    assert json.loads(shown["value"]) == user(status="ASLEEP")
    assert (shown["reason"], shown["field"], shown["casino_id"], shown["topic"]) == (
        "unknown_value", "status", 1, "users",
    )  # fmt: skip
    lines = dict(line.split("  ", 1) for line in dead_letters("show", letter.id).splitlines())
    lines = {name: text.strip() for name, text in lines.items()}
    assert "ASLEEP" in lines["message"]
    assert (lines["wrong field"], lines["replayed"], lines["casino"]) == ("status", "never", "1")
    assert lines["state"] == "open: it can be replayed or purged"
    assert lines["rejection code"].startswith("unknown_value ")


@pytest.mark.parametrize("letter_id", ["1/99", "3/1", "unknown/99", "users/0/1", "1", "nothing/0", "1/0", "-1/1", ""])
def test_unknown_dead_letter_is_an_error(rejected_messages, letter_id):
    with pytest.raises(CommandError, match=r"There is no dead letter|is not the id of a dead letter"):
        dead_letters("show", "--", letter_id)


@pytest.mark.covered
def test_sender_can_not_close_dead_letters_or_forge_a_reason(rejected_messages):
    headers = [("casino_id", b"2"), ("dead.mark", b"purged"), ("dead.place", b"x"), ("replay.count", b"9" * 5_000)]
    send_raw("users", b"[0,1,2,3,4,5,6,7]", headers)
    consume(USERS, 1)
    assert len(listed()) == 5
    [letter] = [each for each in stored_letters(casino_id=2) if each.message.value == b"[0,1,2,3,4,5,6,7]"]
    assert (letter.message.headers, letter.row.replays) == (headers, 0)


@pytest.mark.covered
def test_message_is_replayed_and_stored_after_its_cause_is_fixed(rejected_messages, casino_a):
    Casino.objects.filter(pk=1).update(options={"status_words": {"users": {"asleep": "CLOSED"}}})
    [letter] = stored_letters(reason="unknown_value")
    text = dead_letters("replay", letter.id, "--dry-run")
    assert text == "Expected results of 1 replays: 1 acceptable. Nothing sent.\n"
    assert dead_letters("replay", letter.id, "--yes") == "1 dead letter replayed.\n"
    assert consume(USERS, 1).counts == {(1, "stored"): 1}
    with use_casino(casino_a.current):
        assert User.objects.get(id=7).status == "CLOSED"
    assert (1, "unknown_value") not in listed()
    [closed] = stored_letters(states=(DeadLetterState.REPLAYED,))
    assert (closed.id, closed.message.value) == (letter.id, letter.message.value)
    assert "replayed" in dead_letters("list", "--closed")


@pytest.mark.covered
def test_messages_of_a_casino_created_later_are_replayed_into_it(broker, casino_a, casino_b):
    Casino.objects.filter(pk=2).update(state="deleted")
    send(USERS, [(2, user()), (1, user(id=8))])
    assert consume(USERS, 2).counts == {(None, "unknown_casino"): 1, (1, "stored"): 1}
    [letter] = stored_letters()
    assert letter.id.startswith("unknown/")
    assert listed(casino_id=2) == [(2, "unknown_casino")]
    Casino.objects.filter(pk=2).update(state="active")
    assert dead_letters("replay", "--casino", "2", "--yes") == "1 dead letter replayed.\n"
    assert consume(USERS, 1).counts == {(2, "stored"): 1}
    assert listed() == []


@pytest.mark.covered
def test_a_coupon_without_an_id_that_is_replayed_twice_is_stored_once(broker, casino_a, settings):
    with use_casino(casino_a.current):
        UserFactory(id=7)
    settings.COUPON_MAX_SELECTIONS = 0
    send(COUPONS, [(1, coupon())])
    consume(COUPONS, 1)
    settings.COUPON_MAX_SELECTIONS = 50
    with use_casino(casino_a.current):
        assert len(replay(letters_of(casino_a), NOW).sent) == 1
        letters_of(casino_a).update(state="open", closed_at=None)  # as after a crash before the commit
        assert len(replay(letters_of(casino_a), NOW).sent) == 1
        assert replay(letters_of(casino_a), NOW).sent == []
    assert consume(COUPONS, 2).counts == {(1, "stored"): 1, (1, "duplicate"): 1}
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == 1


def test_message_rejected_again_is_replayed_three_times_at_most(broker, casino_a):
    send(USERS, [(1, b"{")])
    for replays in range(MAX_REPLAYS + 1):
        consume(USERS, 1)
        [letter] = stored_letters()
        assert letter.row.replays == replays
        with use_casino(casino_a.current):
            sent = replay(letters_of(casino_a), NOW).sent
        assert len(sent) == (replays < MAX_REPLAYS)
    with use_casino(casino_a.current):
        results = [each.result for each in preview_replay(letters_of(casino_a).filter(state="open"), NOW)]
    assert results == ["replayed too often"]
    assert "1 skipped: already replayed 3 times. Use --again to replay them anyway." in dead_letters("replay", "--yes")
    assert dead_letters("replay", "--yes", "--again") == "1 dead letter replayed.\n"


def test_replayed_messages_keep_their_order_key_headers_and_first_place(broker, casino_a):
    send_raw("users", b"{1", [("casino_id", b"1"), ("trace", b"\xff"), ("trace", None)], partition=2)
    send(USERS, [(1, b"{%d" % number) for number in range(2, 5)], partition=2)
    consume(USERS, 4)
    first = stored_letters()[0]
    dead_letters("replay", "--yes")
    again = read_all(USERS, 8)[4:]
    assert [(each.value(), each.partition()) for each in again] == [(b"{%d" % number, 2) for number in range(1, 5)]
    assert again[0].headers() == [
        ("casino_id", b"1"), ("trace", b"\xff"), ("trace", None),
        ("replay.origin", first.row.place.encode()), ("replay.count", b"1"),
    ]  # fmt: skip


def test_a_copied_casino_replays_no_message_of_the_original(rejected_messages, casino_a, casino_b):
    with use_casino(casino_a.current):
        rows = list(DeadLetter.objects.filter(reason="malformed").values())
    with use_casino(casino_b.current):
        DeadLetter.objects.create(**{**rows[0], "id": 1_000})
    assert "1 of another casino" in dead_letters("replay", "2/1000", "--dry-run")
    assert dead_letters("replay", "2/1000", "--yes") == "0 dead letters replayed. 1 skipped: of another casino.\n"


def test_purge_deletes_content_and_keeps_unselected_dead_letters(rejected_messages):
    assert dead_letters("purge", "--casino", "1", "--yes") == "2 dead letters purged.\n"
    assert sorted(map(str, listed())) == ["(2, 'too_long')", "(None, 'no_casino')"]
    assert dead_letters("purge", "--older-than", "1", "--yes") == "0 dead letters purged.\n"
    assert len(listed()) == 2
    for letter in stored_letters(states=(DeadLetterState.PURGED,)):
        row = letter.row
        assert (row.value, row.key, row.headers, row.user_id, row.size) == (None, None, None, None, 0)


def test_only_closed_dead_letters_are_pruned(rejected_messages, casino_a):
    dead_letters("purge", "--reason", "malformed", "--yes")
    with use_casino(casino_a.current):
        assert prune_closed(NOW - timedelta(days=1), 10) == 0
        assert prune_closed(NOW + timedelta(days=1), 10) == 1
        assert [letter.reason for letter in DeadLetter.objects.all()] == ["unknown_value"]


def test_nothing_is_replayed_or_purged_without_confirmation(rejected_messages):
    for verb in ("replay", "purge"):
        with pytest.raises(CommandError, match="pass --yes to confirm"):
            dead_letters(verb)
    assert len(listed()) == 4


def test_given_id_must_be_of_an_open_dead_letter(rejected_messages):
    with pytest.raises(CommandError, match="No open dead letter has the id 2/77"):
        dead_letters("purge", "2/77", "--yes")


def test_dead_letters_need_no_broker_to_be_listed_and_purged(rejected_messages, settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    assert "Total 4" in dead_letters("list")
    assert dead_letters("purge", "--yes") == "4 dead letters purged.\n"
    assert UnassignedDeadLetter.objects.get().state == "purged"


def test_dry_run_reads_messages_as_consumers_do(broker, casino_a, casino_b):
    """They are read by the casino's mapping, and only for known casinos."""
    send(USERS, [(1, {"customer": 7}), (2, {"customer": 7}), (99, user()), (None, user())])
    consume(USERS, 4)
    mapping = {"messages": "users", "fields": {"id": "customer"}}
    Casino.objects.filter(pk=1).update(options={"mapping": {"users": mapping}})
    previews = json.loads(dead_letters("replay", "--dry-run", "--json"))
    results = {(each["id"].partition("/")[0], each["result"]) for each in previews}
    assert results == {("1", "acceptable"), ("2", "missing"), ("unknown", "unknown_casino"), ("unknown", "no_casino")}


def test_dry_run_reads_odds_in_the_casinos_format(broker, casino_a, casino_b):
    send(EVENTS, [(1, event(odd="5/2")), (2, event(odd="5/2"))])
    consume(EVENTS, 2)
    Casino.objects.filter(pk=1).update(options={"odd_format": "fractional"})
    Casino.objects.filter(pk=2).update(options={"odd_format": "of a later release"})
    previews = json.loads(dead_letters("replay", "--dry-run", "--json"))
    results = {each["id"].partition("/")[0]: each["result"] for each in previews}
    assert results == {"1": "acceptable", "2": "odd_format can't be used"}


def test_dry_run_of_a_list_without_messages_reads_them_at_once(broker, casino_a, casino_b, django_assert_num_queries):
    send(USERS, [(1, b"{")] * 5)
    consume(USERS, 5)
    with use_casino(casino_a.current):
        listed = letters_of(casino_a).defer(*CONTENT)
        with django_assert_num_queries(3, connection=connections[casino_a.current.alias]):  # two for the part's ends
            assert [each.result for each in preview_replay(listed, NOW)] == ["malformed"] * 5


def test_message_of_a_partition_that_the_topic_lost_is_replayed_into_another(broker, casino_a):
    send(USERS, [(1, b"{")])
    consume(USERS, 1)
    with use_casino(casino_a.current):
        letters_of(casino_a).update(place="here/users/77/5@1760000000000", partition=77)
        assert len(replay(letters_of(casino_a), NOW).sent) == 1
    origins = [dict(each.headers() or ()).get("replay.origin") for each in read_all(USERS, 2)]
    assert sorted(map(str, origins)) == ["None", "b'here/users/77/5@1760000000000'"]


def test_dead_letter_that_another_process_is_replaying_is_left_to_it(broker, casino_a):
    send(USERS, [(1, b"{"), (1, b"[")])
    consume(USERS, 2)
    other = connections["casino_1"].copy("casino_1")
    with other.cursor() as cursor:
        other.set_autocommit(False)
        cursor.execute("SELECT FROM dead_letters WHERE value = '{' FOR UPDATE")
        with use_casino(casino_a.current):
            assert len(replay(letters_of(casino_a), NOW).sent) == 1
        other.rollback()
    other.close()
    assert [letter.message.value for letter in stored_letters()] == [b"{"]


def test_undelivered_replay_closes_nothing(broker, casino_a, settings):
    send(USERS, [(1, b"{")])
    consume(USERS, 1)
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_ANSWER_SECONDS = closed_port(), 0.5
    with pytest.raises(CommandError, match="The broker does not describe its topics"):
        dead_letters("replay", "--yes")
    assert len(stored_letters()) == 1
