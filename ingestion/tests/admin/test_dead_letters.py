"""The admin's tables of dead letters."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from ingestion.models import DeadLetter
from ingestion.tests.kafka_client import closed_port, consume, read_all, send, send_raw
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import USERS
from tenants.http.middleware import CHOSEN_CASINO
from tenants.models import StaffBinding, UnassignedDeadLetter
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

OWN, UNASSIGNED = "admin:ingestion_deadletter", "admin:tenants_unassigneddeadletter"
BYTES = b'{"name": "<script>\xff\x00'


@pytest.fixture
def rejected_messages(broker, casino_a, casino_b):
    send(USERS, [(1, b"{<script>"), (2, user(name="x" * 101)), (None, user()), (99, user())])
    send_raw("users", BYTES, [("casino_id", b"2")])
    consume(USERS, 5)


@pytest.fixture
def staff(client, casino_a, casino_b):
    client.force_login(User.objects.create_superuser("staff", password="x"))
    return client


def choose(client, casino):
    session = client.session
    session[CHOSEN_CASINO] = casino.pk
    session.save()


def url(name, *arguments):
    return reverse(name, args=arguments)


def page(client, name, *arguments, **query):
    answer = client.get(url(name, *arguments), query)
    assert answer.status_code == 200
    return answer.content.decode()


def number_listed(client, name, **query):
    return client.get(url(f"{name}_changelist"), query).context["cl"].result_count


def status(client, name, *arguments):
    return client.get(url(name, *arguments)).status_code


def act(client, action, *numbers, name=OWN):
    data = {"action": action, "_selected_action": numbers}
    return client.post(url(f"{name}_changelist"), data, follow=True).content.decode()


def numbers_of(casino, **conditions):
    with use_casino(casino.current):
        return list(DeadLetter.objects.filter(**conditions).order_by("pk").values_list("pk", flat=True))


def staff_with(client, *permissions, casinos=()):
    bound = User.objects.create_user("bound", is_staff=True)
    bound.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    if casinos:
        StaffBinding.objects.create(user=bound).casinos.set(casinos)
    client.force_login(bound)
    return client


@pytest.mark.covered
def test_list_has_the_chosen_casinos_dead_letters_alone(staff, rejected_messages, casino_a, casino_b):
    choose(staff, casino_b)
    text = page(staff, f"{OWN}_changelist")
    assert "malformed" in text
    assert "too_long" in text
    assert number_listed(staff, OWN) == 2
    choose(staff, casino_a)
    assert number_listed(staff, OWN) == 1


@pytest.mark.covered
def test_list_is_filtered_by_topic_reason_and_state(staff, rejected_messages, casino_b):
    choose(staff, casino_b)
    for query, count in (
        ({"topic": "users", "reason": "too_long"}, 1),
        ({"reason": "unknown_value"}, 0),
        ({"state": "purged"}, 0),
        ({"topic": "nonsense"}, 2),
        ({"q": "length"}, 1),
    ):
        assert number_listed(staff, OWN, **query) == count, query


def test_a_dead_letter_is_shown_with_its_message_escaped(staff, rejected_messages, casino_b):
    choose(staff, casino_b)
    [number] = numbers_of(casino_b, reason="malformed")
    text = page(staff, f"{OWN}_change", number)
    assert "&lt;script&gt;\\xff\\x00" in text
    assert "<script>\\xff" not in text
    assert "casino_id: 2" in text


def test_a_dead_letter_is_downloaded_byte_for_byte(staff, rejected_messages, casino_b):
    choose(staff, casino_b)
    [number] = numbers_of(casino_b, reason="malformed")
    answer = staff.get(url(f"{OWN}_download", number))
    assert answer.content == BYTES
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.covered
@pytest.mark.parametrize("number", ["999", "x", "9" * 30])
def test_missing_dead_letter_is_not_downloaded(staff, rejected_messages, casino_b, number):
    choose(staff, casino_b)
    assert status(staff, f"{OWN}_download", number) == 404


def test_another_casinos_dead_letter_is_as_missing_as_an_unknown_one(staff, rejected_messages, casino_a, casino_b):
    [_, last] = numbers_of(casino_b)
    choose(staff, casino_a)
    for number in (last, 999):
        assert status(staff, f"{OWN}_download", number) == 404
        assert staff.get(url(f"{OWN}_change", number)).headers["Location"] == "/admin/"


def test_dead_letters_are_previewed_replayed_and_purged(staff, rejected_messages, casino_b):
    choose(staff, casino_b)
    first, second = numbers_of(casino_b)
    assert "Expected results of 2 replays: 1 too_long, 1 malformed" in act(staff, "preview_replay", first, second)
    assert "1 dead letter replayed." in act(staff, "replay", first)
    assert "1 dead letter purged." in act(staff, "purge", second)
    assert [each.casino_id for each in stored_letters()] == [1, None, 99]
    assert "no value" in page(staff, f"{OWN}_change", second)
    assert status(staff, f"{OWN}_download", second) == 404


def test_dead_letters_without_a_known_casino_are_an_own_table(staff, rejected_messages):
    assert number_listed(staff, UNASSIGNED) == 2
    [number] = UnassignedDeadLetter.objects.filter(casino_id=99).values_list("pk", flat=True)
    assert "Ada" in page(staff, f"{UNASSIGNED}_change", number)
    assert b"Ada" in staff.get(url(f"{UNASSIGNED}_download", number)).content
    assert "1 dead letter replayed." in act(staff, "replay", number, name=UNASSIGNED)
    assert len(read_all(USERS, 6)) == 6


def test_staff_of_one_casino_see_its_dead_letters_alone(client, rejected_messages, casino_a, casino_b):
    permissions = ["view_deadletter", "change_deadletter", "view_unassigneddeadletter", "change_unassigneddeadletter"]
    staff_with(client, *permissions, casinos=[casino_b])
    choose(client, casino_b)
    [number, _] = numbers_of(casino_b)
    assert status(client, f"{OWN}_change", number) == 200
    assert "1 dead letter purged." in act(client, "purge", number)
    [unassigned, _] = UnassignedDeadLetter.objects.values_list("pk", flat=True)
    for name in (f"{UNASSIGNED}_change", f"{UNASSIGNED}_download"):
        assert status(client, name, unassigned) == 403
    assert status(client, f"{UNASSIGNED}_changelist") == 403
    choose(client, casino_a)
    [other] = numbers_of(casino_a)
    for name in (f"{OWN}_change", f"{OWN}_download"):
        assert status(client, name, other) != 200
    act(client, "purge", other)
    assert numbers_of(casino_a, state="open") == [other]


def test_staff_with_view_permission_can_not_change_dead_letters(client, rejected_messages, casino_a):
    staff_with(client, "view_deadletter")
    choose(client, casino_a)
    assert "Purge: " not in page(client, f"{OWN}_changelist")
    act(client, "purge", *numbers_of(casino_a))
    assert len(stored_letters()) == 5


def test_staff_without_permission_see_no_dead_letters(client, rejected_messages, casino_a):
    staff_with(client, "view_messagecount")
    choose(client, casino_a)
    [number] = numbers_of(casino_a)
    assert status(client, f"{OWN}_changelist") == status(client, f"{OWN}_change", number) == 403
    assert status(client, f"{OWN}_download", number) == 403


def test_actions_need_a_csrf_token(rejected_messages, casino_a):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("staff", password="x"))
    choose(strict, casino_a)
    data = {"action": "purge", "_selected_action": numbers_of(casino_a)}
    assert strict.post(url(f"{OWN}_changelist"), data).status_code == 403
    assert len(stored_letters()) == 5


def test_anonymous_user_is_redirected_to_the_login(client, casino_a):
    for name, arguments in ((f"{OWN}_changelist", ()), (f"{OWN}_download", (1,)), (f"{UNASSIGNED}_changelist", ())):
        assert "/login/" in client.get(url(name, *arguments)).headers["Location"]


def test_unavailable_broker_is_shown_as_a_message_and_nothing_is_closed(staff, rejected_messages, casino_a, settings):
    choose(staff, casino_a)
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_ANSWER_SECONDS = closed_port(), 0.5
    assert number_listed(staff, OWN) == 1
    assert "Kafka: " in act(staff, "replay", *numbers_of(casino_a))
    assert len(stored_letters()) == 5
