"""The admin's pages of dead letters and parked messages."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from ingestion.dead_letters.log import DeadLetterQuery, list_dead_letters
from ingestion.models import MessageCount
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.kafka_client import closed_port, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from tenants.http.middleware import CHOSEN_CASINO
from tenants.models import StaffBinding
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


@pytest.fixture
def staff(client, casino_a, casino_b):
    client.force_login(User.objects.create_superuser("staff", password="x"))
    return client


@pytest.fixture
def rejected_messages(broker, casino_a, casino_b):
    send(USERS, [(1, b"{<script>"), (2, user(name="")), (None, user())])
    consume(USERS, 3)


def choose(client, casino):
    session = client.session
    session[CHOSEN_CASINO] = casino.pk
    session.save()


def page(client, name, *arguments, **query):
    answer = client.get(reverse(name, args=arguments), query, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def error_message(client, letter_id):
    """The error message for a dead letter that is not shown."""
    [message] = client.get(reverse("dead_letter", args=[letter_id]), follow=True).context["messages"]
    return str(message)


def test_index_links_to_the_pages(staff):
    index = page(staff, "admin:index")
    assert reverse("dead_letters") in index
    assert reverse("parked") in index


def test_message_counts_say_rejected_in_words(staff, casino_a, now):
    """The theme's tick for a boolean made a rejection look like a success."""
    with use_casino(casino_a.current):
        for outcome, is_rejection in (("missing", True), ("stored", False)):
            row = MessageCount.objects.create(
                topic="users", hour=now, outcome=outcome, is_rejection=is_rejection, count=1, last_at=now
            )
    choose(staff, casino_a)
    listed = page(staff, "admin:ingestion_messagecount_changelist")
    assert listed.index("rejected") < listed.index("accepted")
    assert "Is rejection" not in listed
    detail = page(staff, "admin:ingestion_messagecount_change", row.pk)
    assert "accepted" in detail
    assert "Is rejection" not in detail


def test_page_lists_dead_letters_of_the_chosen_casino_and_without_a_casino(staff, rejected_messages, casino_b):
    assert all(reason in page(staff, "dead_letters") for reason in ("malformed", "missing", "no_casino"))
    choose(staff, casino_b)
    text = page(staff, "dead_letters")
    assert "malformed" not in text
    assert "missing" in text
    assert "no_casino" in text


def test_another_casinos_dead_letter_is_not_shown(staff, rejected_messages, casino_b):
    [letter] = list_dead_letters(DeadLetterQuery(casino_id=1))
    assert "{&lt;script&gt;" in page(staff, "dead_letter", letter.id)
    choose(staff, casino_b)
    text = page(staff, "dead_letter", letter.id)
    assert "There is no dead letter" in text
    assert "script&gt;" not in text


def test_other_casinos_dead_letter_gets_the_same_error_as_an_unknown_one(client, rejected_messages, casino_b):
    bound = User.objects.create_user("bound", is_staff=True)
    bound.user_permissions.add(Permission.objects.get(codename="view_messagecount"))
    StaffBinding.objects.create(user=bound).casinos.set([casino_b])
    client.force_login(bound)
    [letter] = list_dead_letters(DeadLetterQuery(casino_id=1))
    errors = [error_message(client, letter_id).replace(letter_id, "ID") for letter_id in (letter.id, "users/0/99")]
    assert "There is no dead letter" in errors[0]
    assert errors[0] == errors[1]


def test_selected_dead_letters_are_previewed_replayed_and_purged(staff, rejected_messages):
    url = reverse("dead_letters")
    [first] = list_dead_letters(DeadLetterQuery(casino_id=1))
    [second] = list_dead_letters(DeadLetterQuery(casino_id=2))
    answer = staff.post(url, {"id": first.id, "dry_run": ""}, follow=True).content.decode()
    assert "Expected results of 1 replays: 1 malformed" in answer
    staff.post(url, {"id": first.id, "replay": ""})
    staff.post(url, {"id": second.id, "purge": ""})
    assert [letter.reason for letter in list_dead_letters(DeadLetterQuery())] == ["no_casino"]
    assert "No dead letters selected" in staff.post(url, {"replay": ""}, follow=True).content.decode()


def test_staff_with_view_permission_can_not_change_dead_letters(client, rejected_messages):
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    client.force_login(viewer)
    assert client.get(reverse("dead_letters")).status_code == 403
    viewer.user_permissions.add(Permission.objects.get(codename="view_messagecount"))
    assert "Replay</button>" not in page(client, "dead_letters")
    letters = list_dead_letters(DeadLetterQuery())
    assert client.post(reverse("dead_letters"), {"id": letters[0].id, "purge": ""}).status_code == 403
    assert len(list_dead_letters(DeadLetterQuery())) == 3


def test_anonymous_user_is_redirected_to_the_login(client, casino_a):
    assert "/login/" in client.get(reverse("dead_letters")).headers["Location"]
    assert "/login/" in client.get(reverse("parked")).headers["Location"]


def test_parked_messages_are_shown_with_the_reason(staff, broker, casino_b):
    assert "No parked messages." in page(staff, "parked")
    with database_unavailable(casino_b):
        send(USERS, [(2, user())])
        consume(USERS, 1)
        assert "does not exist" in page(staff, "parked")


def test_unavailable_broker_is_shown_as_a_message(staff, settings):
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_ANSWER_SECONDS = closed_port(), 0.5
    assert "Kafka: " in page(staff, "dead_letters")
    assert "Kafka: " in page(staff, "parked")


def test_counts_are_in_the_admin(staff, rejected_messages, casino_a):
    choose(staff, casino_a)
    assert "malformed" in page(staff, "admin:ingestion_messagecount_changelist")
    assert "users" in page(staff, "admin:ingestion_partitionoffset_changelist")
