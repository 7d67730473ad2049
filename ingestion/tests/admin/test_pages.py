"""The admin's page of parked messages, and its tables of counts and offsets."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from ingestion.models import MessageCount, Upload
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.kafka_client import closed_port, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from tenants.http.middleware import CHOSEN_CASINO
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


def test_index_links_to_the_pages(staff):
    index = page(staff, "admin:index")
    assert reverse("admin:ingestion_deadletter_changelist") in index
    assert reverse("admin:tenants_unassigneddeadletter_changelist") in index
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


def test_uploads_are_listed_and_shown_with_their_transport(staff, casino_a, casino_b, now):
    for casino, transport in ((casino_a, "http"), (casino_b, "file")):
        with use_casino(casino.current):
            upload = Upload.objects.create(
                door=transport, name="order-5", topic="events", next_offset=5, outcomes="[]", received_at=now
            )
    choose(staff, casino_b)
    shown = (page(staff, "admin:ingestion_upload_changelist"), page(staff, "admin:ingestion_upload_change", upload.pk))
    for each in shown:
        assert "Transport" in each
        assert "order-5" in each
        assert ">file<" in each.replace("\n", "").replace(" ", "")
        assert "http<" not in each


def test_anonymous_user_is_redirected_to_the_login(client, casino_a):
    assert "/login/" in client.get(reverse("parked")).headers["Location"]


def test_parked_messages_are_shown_with_the_reason(staff, broker, casino_b):
    assert "No parked messages." in page(staff, "parked")
    with database_unavailable(casino_b):
        send(USERS, [(2, user())])
        consume(USERS, 1)
        assert "does not exist" in page(staff, "parked")


def test_unavailable_broker_is_shown_as_a_message(staff, settings):
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_ANSWER_SECONDS = closed_port(), 0.5
    assert "Kafka: " in page(staff, "parked")


@pytest.mark.covered
def test_counts_are_in_the_admin(staff, rejected_messages, casino_a):
    choose(staff, casino_a)
    assert "malformed" in page(staff, "admin:ingestion_messagecount_changelist")
    assert "users" in page(staff, "admin:ingestion_partitionoffset_changelist")
