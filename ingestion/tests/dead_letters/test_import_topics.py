"""Dead letters of earlier releases, in topics, are stored in the databases once. Rows are really committed."""

import json
from io import StringIO

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from ingestion.dead_letters.import_topics import earlier_topics
from ingestion.kafka.client import client_config
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.kafka_client import send_raw
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.stored_letters import stored_letters
from recommendations.storing.privacy import forget_user
from recommendations.tests.factories import UserFactory
from tenants.models.dead_letter import DeadLetterState
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

HAS_REAL_BROKER = bool(django_settings.KAFKA_BOOTSTRAP_SERVERS)
SENT_AT = 1_760_000_000_000


@pytest.fixture
def topics(broker, settings):
    """The topic `users.dead` of an earlier release; the embedded broker makes it when a message is sent to it."""
    settings.KAFKA_ANSWER_SECONDS = 2.0
    if not HAS_REAL_BROKER:
        yield
        return
    admin = AdminClient(client_config())
    admin.create_topics([NewTopic("users.dead", 3, 1)])["users.dead"].result()
    yield
    admin.delete_topics(["users.dead"])["users.dead"].exception()  # a test may have deleted it


def letter(offset, value=b"{", *, casino=b"1", name="users.dead", headers=(), **changes):
    """Send a dead letter as an earlier release wrote it."""
    parts = {
        "place": f"here/users/0/{offset}@{SENT_AT}",
        "reason": "malformed",
        "field": "",
        "detail": "no JSON",
        "sqlstate": "",
        "attempts": "1",
        "at": "2025-10-09T08:53:21+00:00",
    } | changes
    own = [("casino_id", casino)] if casino else []
    added = [(f"dead.{key}", text.encode()) for key, text in parts.items() if text]
    send_raw(name, value, [*own, *headers, *added])


def closing(state, *offsets, name="users.dead"):
    send_raw(name, json.dumps(offsets).encode(), [("dead.mark", state.encode())])


def run(*arguments):
    out = StringIO()
    call_command("dead_letters", "import", "--json", *arguments, stdout=out, stderr=StringIO())
    found = json.loads(out.getvalue())
    return found["stored"], found["known"], found["foreign"]


def test_each_dead_letter_is_stored_once_with_its_message_and_reason(topics, casino_a, casino_b):
    headers = [("trace", b"\xff"), ("trace", None), ("replay.count", b"2")]
    letter(5, b"\x00\xff", headers=headers, reason="refused_by_database", sqlstate="22003", attempts="3", field="stake")
    letter(6, casino=b"2")
    letter(7, casino=b"99")
    letter(8, casino=None)
    letter(5, b"\x00\xff", headers=headers)  # written twice, after a crash
    assert run("--keep-topics") == (4, 0, 0)
    assert run("--keep-topics") == (0, 4, 0)
    assert [(each.casino_id, each.id.split("/")[0]) for each in stored_letters()] == [
        (1, "1"), (2, "2"), (99, "unknown"), (None, "unknown"),
    ]  # fmt: skip
    first = stored_letters(casino_id=1)[0]
    row = first.row
    assert (first.message.value, first.message.headers) == (b"\x00\xff", [("casino_id", b"1"), *headers])
    assert (row.reason, row.sqlstate, row.attempts, row.field, row.replays) == (
        "refused_by_database", "22003", 3, "stake", 2,
    )  # fmt: skip
    assert row.place == f"here/users/0/5@{SENT_AT}"
    assert str(row.rejected_at) == "2025-10-09 08:53:21+00:00"


def test_purged_dead_letters_are_left_out_and_replayed_ones_stay_closed(topics, casino_a):
    for offset in range(3):
        letter(offset)
    letter(1)  # a second copy of the purged one
    closing("purged", 1)
    closing("replayed", 2)
    assert run("--keep-topics") == (2, 0, 0)
    assert [each.message.place.offset for each in stored_letters()] == [0]
    assert [each.message.place.offset for each in stored_letters(states=(DeadLetterState.REPLAYED,))] == [2]


FOREIGN = [
    (b"", []),
    (b"[0]", [("dead.mark", b"nonsense")]),
    (b"[0", [("dead.mark", b"purged")]),
    (b"[" * 10_000, [("dead.mark", b"purged")]),
    (b'["x"]', [("dead.mark", b"\xff")]),
]


def test_foreign_messages_close_nothing(topics, casino_a):
    letter(0)
    for value, headers in FOREIGN:
        send_raw("users.dead", value, headers)
    assert run("--keep-topics") == (1, 0, 1)
    assert len(stored_letters()) == 1


def test_dead_letter_with_unreadable_parts_is_stored(topics, casino_a):
    parts = [("dead.place", b"\x00" * 9_000), ("dead.at", b"yesterday"), ("dead.attempts", b"9" * 9_999)]
    send_raw("users.dead", b"", [*parts, ("dead.reason", b"r" * 99), ("replay.count", b"-1")])
    assert run("--keep-topics") == (1, 0, 0)
    [stored] = stored_letters()
    assert (stored.row.attempts, stored.row.replays, stored.message.value) == (1, 0, b"")


def test_dead_letters_of_an_unavailable_casino_stay_in_the_topics_until_the_next_import(topics, casino_a, casino_b):
    letter(1)
    letter(2, casino=b"2")
    with database_unavailable(casino_b), pytest.raises(CommandError, match=r"Repeat the import for Beta \(casino 2\)"):
        run()
    assert earlier_topics() == ["users.dead"]
    assert run("--keep-topics") == (1, 1, 0)


def test_dead_letters_of_an_erased_user_do_not_come_back(topics, casino_a, now):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
        forget_user(casino=casino_a, user_id=7, by="API key", now=now)
    letter(1, b'{"id": 7}', reason="missing")
    run("--keep-topics")
    assert stored_letters() == []


def test_without_topics_of_an_earlier_release_nothing_is_done(broker, casino_a):
    assert run() == (0, 0, 0)


def test_imported_topics_are_deleted_or_named_if_the_broker_refuses(topics, casino_a, settings):
    letter(1)
    refusal = ""
    try:
        assert run() == (1, 0, 0)
    except CommandError as error:  # of the embedded broker, which can't delete topics
        refusal = str(error)
    assert earlier_topics() == [] or "users.dead is imported, but could not be deleted" in refusal
    assert len(stored_letters()) == 1
