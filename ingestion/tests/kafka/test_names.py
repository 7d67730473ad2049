"""Prefixes of topics and consumer groups: two installations on one broker."""

from contextlib import contextmanager
from datetime import timedelta
from itertools import combinations

import msgspec
import pytest
from django.core.management import call_command
from django.utils import timezone
from prometheus_client import REGISTRY

from ingestion.dead_letters.replay import replay
from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.maintenance.expiry import CouponExpiry
from ingestion.messages.envelope import Transport
from ingestion.messages.results import MessageResult
from ingestion.models import DeadLetter, MessageCount, PartitionOffset
from ingestion.producers.sender import Sender
from ingestion.status.lag import measure_lag
from ingestion.status.parked import list_parked
from ingestion.status.report import partition_status
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.kafka_client import NOW, committed, consume, read_all, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, PARTITIONS, TOPICS, USERS, create_topics, topic_names
from ingestion.uploads.requests import request_upload, store_request
from ingestion.uploads.store import UploadedMessage
from recommendations.models import User
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.slow, pytest.mark.covered]

PREFIX = "acme-test.recsys_"


@pytest.fixture
def installation(settings):
    """A context manager: act as the installation with this prefix."""

    @contextmanager
    def acting_as(prefix):
        settings.KAFKA_TOPIC_PREFIX = settings.KAFKA_GROUP_PREFIX = prefix
        yield
        settings.KAFKA_TOPIC_PREFIX = settings.KAFKA_GROUP_PREFIX = ""

    return acting_as


@pytest.fixture
def two_on_one_broker(settings, installation):
    """The topics of an installation without and of one with a prefix."""
    settings.KAFKA_BATCH_SECONDS, settings.KAFKA_SESSION_SECONDS = 0.05, 2
    with EmbeddedBroker() as broker:
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        for prefix in ("", PREFIX):
            with installation(prefix):
                for name in topic_names():
                    broker.create_topic(name, PARTITIONS)
                assert create_topics() == []
        yield


def user_ids(casino):
    with use_casino(casino.current):
        return set(User.objects.values_list("id", flat=True))


def test_no_prefix_leaves_the_names_of_the_contract():
    assert {topic.full_name for topic in TOPICS.values()} == {
        "events", "coupons", "users", "odds", "recommendations", "impressions",
    }  # fmt: skip
    assert USERS.group == "recsys-users"


def test_names_with_prefixes_never_coincide(installation):
    found = []
    for prefix in ("", "a", "events", "events.", "users.parked", PREFIX):
        with installation(prefix):
            found.append({*topic_names(), *(topic.group for topic in TOPICS.values())})
    assert all(not one & other for one, other in combinations(found, 2))


@pytest.mark.django_db(**IN_PROCESSES)
@pytest.mark.slow
def test_two_installations_on_one_broker_read_only_their_own(two_on_one_broker, installation, casino_a, casino_b):
    send(USERS, [(1, user(id=11)), (1, b"{"), (2, user(id=13))])
    with installation(PREFIX):
        with Sender() as sender:
            sender.send("users", b"{", headers={"casino_id": "1"}, key="a")
        send(USERS, [(1, user(id=21)), (2, user(id=22))])
        assert measure_lag(USERS).messages == 3
        assert consume(USERS, 3).counts == {(1, "stored"): 1, (2, "stored"): 1, (1, "malformed"): 1}
        assert (user_ids(casino_a), user_ids(casino_b)) == ({21}, {22})
    assert committed(USERS) == {}
    with database_unavailable(casino_b):
        assert consume(USERS, 3).counts == {(1, "stored"): 1, (1, "malformed"): 1, (2, "parked"): 1}
        assert [each.count for each in list_parked()] == [1]
        with installation(PREFIX):
            assert list_parked() == []
    assert user_ids(casino_a) == {11, 21}


@pytest.mark.django_db(**IN_PROCESSES)
def test_dead_letters_and_their_replay_stay_within_the_prefix(two_on_one_broker, installation, casino_a):
    with installation(PREFIX):
        send(USERS, [(1, b"{")])
        consume(USERS, 1)
        [letter] = stored_letters()
        assert letter.row.topic == "users"
        with use_casino(casino_a.current):
            replay(DeadLetter.objects.all(), NOW)
        assert [message.value() for message in read_all(USERS, 2)] == [b"{", b"{"]
    assert stored_letters() == []
    assert measure_lag(USERS).messages == 0


@pytest.mark.django_db(**IN_PROCESSES)
def test_ledger_has_the_names_on_the_broker_and_people_read_those_without_prefix(
    two_on_one_broker, installation, casino_a
):
    with installation(PREFIX):
        send(USERS, [(1, user(id=21))])
        consume(USERS, 1)
        assert {each.topic for each in partition_status()} == set(TOPICS)
        call_command("ingestion_status")
    with use_casino(casino_a.current):
        [offset] = PartitionOffset.objects.all()
        [count] = MessageCount.objects.all()
    assert (offset.topic, offset.consumer_group) == (f"{PREFIX}users", f"{PREFIX}recsys-users")
    assert count.topic == "users"
    labels = {"topic": "users", "casino": "1", "outcome": "stored"}
    assert REGISTRY.get_sample_value("recsys_ingestion_messages_total", labels)


@pytest.mark.django_db(**IN_PROCESSES)
def test_coupons_of_each_transport_that_wait_with_a_prefix_expire(two_on_one_broker, installation, casino_a):
    def expired():
        found: list[MessageResult] = []
        CouponExpiry(COUPONS, CasinoStore(COUPONS, found.extend)).step(timezone.now() + timedelta(days=8))
        return {result.envelope.place.transport: result.outcome for result in found}

    with installation(PREFIX):
        send(COUPONS, [(1, coupon(user_id=404))])
        assert consume(COUPONS, 1).counts == {(1, "waiting"): 1}
        upload = request_upload(COUPONS, "key", b"{}")
        uploaded = [UploadedMessage(0, msgspec.json.encode(coupon(user_id=404)))]
        with use_casino(casino_a.current):
            store_request(casino=casino_a, topic=COUPONS, upload=upload, messages=uploaded)
        assert expired() == {Transport.KAFKA: "unknown_user", Transport.HTTP: "unknown_user"}
