"""The commands; in subprocesses where signals reach them. Rows are really committed."""

import signal
import threading
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ingestion.producers.sender import DUMMIES
from ingestion.storing import rejection_limit
from ingestion.tests.kafka_client import closed_port, committed, read_all, send
from ingestion.tests.manage_processes import IN_PROCESSES, database_environment, manage
from ingestion.tests.sample_messages import coupon, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, TOPICS, USERS
from recommendations.models import PurchasedCoupon, ServedSlip, User, UserProfile
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino
from tenants.tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(**IN_PROCESSES)]


@pytest.fixture(autouse=True)
def _own_signal_handlers():
    """Restores the signal handlers that a command sets in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def printed(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def stored(casino, model):
    with use_casino(casino.current):
        return model.objects.count()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.exhaustive)])
def test_signal_stops_a_consumer_which_prints_its_outcomes(broker, casino_a, casino_b, number):
    send(USERS, [(1, user(id=place)) for place in range(1, 31)] + [(2, user()), (99, user())])
    with manage("consume_users", env=database_environment(LOG_LEVEL="ERROR")) as process:
        wait_until(lambda: stored(casino_b, User) == 1)
        process.send_signal(number)
        out, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, "")
    assert out == "users: 31 stored, 1 unknown_casino\n"
    assert stored(casino_a, User) == 30
    assert committed(USERS) == {0: 32}


@pytest.mark.exhaustive
def test_consumer_without_messages_ends_after_idle_exit(broker, casino_a, tmp_path):
    heartbeat = tmp_path / "heartbeat"
    assert printed("consume_events", "--idle-exit", "0.5", "--heartbeat", str(heartbeat)) == "events: none\n"
    assert heartbeat.exists()


def test_consumer_fails_after_too_many_rejections_without_a_commit(broker, casino_a, casino_b, settings, monkeypatch):
    monkeypatch.setattr(rejection_limit, "SEVERAL", 2)
    monkeypatch.setattr(rejection_limit, "WARM_UP_SECONDS", 0.0)
    settings.INGESTION_REJECTION_RUN = 10
    send(USERS, [(casino, b"{") for _ in range(12) for casino in (1, 2)])
    with pytest.raises(CommandError, match=r"^users: nearly all casinos' messages are rejected \(casino 1, casino 2\)"):
        call_command("consume_users")
    assert committed(USERS) == {}
    assert stored_letters() == []


@pytest.mark.exhaustive
def test_killed_and_restarted_consumer_stores_each_coupon_once(broker, casino_a, casino_b):
    total = 3000
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            for number in range(1, 51):
                UserFactory(id=number)
    ids = iter(range(1, total))  # casino 1 sends ids of coupons, casino 2 does not
    for partition in range(3):
        values = [
            (1 + place % 2, coupon(user_id=1 + place % 50, stake=2, id=None if place % 2 else next(ids)))
            for place in range(total // 3)
        ]
        send(COUPONS, [*values, (1, b"{"), (1, coupon(stake=-1))], partition=partition)

    def coupons():
        return stored(casino_a, PurchasedCoupon) + stored(casino_b, PurchasedCoupon)

    environment = database_environment(KAFKA_BATCH_SIZE="20", LOG_LEVEL="ERROR")
    with manage("consume_coupons", env=environment) as process:
        wait_until(lambda: coupons() >= 300)
        process.kill()
        process.communicate()
    assert 300 <= coupons() < total
    assert sum(committed(COUPONS).values()) < total
    with manage("consume_coupons", env=environment) as process:
        wait_until(lambda: coupons() >= total)
        wait_until(lambda: sum(committed(COUPONS).values()) == total + 6)
        process.terminate()
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert out.startswith("coupons: ")
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            assert PurchasedCoupon.objects.count() == total // 2
            profiles = list(UserProfile.objects.values_list("coupon_count", "stake_total"))
        assert sum(count for count, _ in profiles) == total // 2
        assert sum(stake for _, stake in profiles) == total


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "command",
    [
        "consume_coupons",
        pytest.param("produce_users", marks=pytest.mark.exhaustive),
        "create_topics",
    ],
)
def test_command_without_a_broker_fails_with_instructions(casino_a, settings, tmp_path, command):
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.EMBEDDED_BROKER_FILE = "", tmp_path / "none"
    settings.KAFKA_STARTUP_SECONDS = 0.1
    with pytest.raises(CommandError, match=r"^No Kafka broker: set KAFKA_BOOTSTRAP_SERVERS"):
        call_command(command)


@pytest.mark.exhaustive
def test_consumer_waiting_for_a_broker_can_be_stopped(casino_a, settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    with manage("consume_coupons", env=database_environment(KAFKA_STARTUP_SECONDS="60")) as process:
        assert process.stderr is not None
        alarm = threading.Timer(30, process.kill)
        alarm.start()
        assert any("Waiting for the broker" in line for line in process.stderr)
        process.terminate()
        process.communicate(timeout=120)
        alarm.cancel()
    assert process.returncode == -signal.SIGTERM


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "topic",
    [
        pytest.param(TOPICS[name], id=name, marks=pytest.mark.exhaustive if TOPICS[name] is USERS else [])
        for name in DUMMIES
    ],
)
def test_producer_sends_its_rounds_to_every_casino(broker, casino_a, casino_b, topic):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            user_id, event_id = UserFactory.create().pk, EventFactory.create().pk
            ServedSlip.objects.create(
                recommendation_id=uuid4(), user_id=user_id, timestamp=timezone.now(), recommender="static",
                asked_for="static", stake=10, currency="EUR", events=[{"event_id": event_id, "odd": 2, "score": 1}],
            )  # fmt: skip
    out = printed(f"produce_{topic.name}", "--count", "6", "--interval", "0")
    assert out == f"{topic.name}: 6 messages sent\n"
    headers = [dict(message.headers())["casino_id"] for message in read_all(topic, 6)]
    assert sorted(headers) == [b"1"] * 3 + [b"2"] * 3


def test_signal_stops_a_producer_between_its_rounds(broker, casino_a):
    with manage("produce_users", "--interval", "3600", env=database_environment(LOG_LEVEL="ERROR")) as process:
        read_all(USERS, 1)
        process.terminate()
        out, error = process.communicate(timeout=120)
    assert (process.returncode, out, error) == (0, "users: 1 message sent\n", "")


def test_create_topics_reports_existing_topics(broker):
    assert printed("create_topics") == "All topics exist already.\n"
