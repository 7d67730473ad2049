"""Clients of an Apache Kafka with TLS, SASL and ACLs. Needs Java; the broker starts once for all tests."""

import io
import logging
import os
from contextlib import closing
from itertools import count
from pathlib import Path

import psutil
import pytest
from confluent_kafka import KafkaException
from django.core.management import call_command

from ingestion.consumer.consumer import TopicConsumer
from ingestion.errors import BrokerUnavailable
from ingestion.kafka.client import broker_state, new_admin, new_consumer
from ingestion.kafka.connection_errors import connection_errors, explain, listening, problem_of
from ingestion.kafka.settings_check import check_settings
from ingestion.producers.publisher import Publisher
from ingestion.producers.sender import Sender
from ingestion.status.lag import measure_lag
from ingestion.tests.kafka_client import Until, consume, have_leaders, read_all, send
from ingestion.tests.manage_processes import IN_PROCESSES, database_environment, manage
from ingestion.tests.producers.test_publisher import served
from ingestion.tests.sample_messages import user
from ingestion.topics import RECOMMENDATIONS, USERS, create_topics, topic_names
from recommendations.models import User
from tenants.routing.context import use_casino
from tenants.tests.waiting import wait_until

from .secured_kafka import (
    CLIENT_SECRET,
    PREFIX,
    mutual_tls,
    oauth,
    plain,
    scram,
    secured_kafka,
    token_endpoint,
)

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

_numbers = count(1)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with secured_kafka(tmp_path_factory.mktemp("secured-kafka")) as started:
        yield started


@pytest.fixture(scope="module")
def token_url():
    with token_endpoint() as url:
        yield url


@pytest.fixture(autouse=True)
def _own_topics(settings):
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    settings.KAFKA_TOPIC_PREFIX = settings.KAFKA_GROUP_PREFIX = f"{PREFIX}{next(_numbers)}."
    settings.KAFKA_STARTUP_SECONDS, settings.KAFKA_BATCH_SECONDS = 30, 0.05


@pytest.fixture
def connect(settings):
    """Set the settings of clients, which must pass the check at the start of a process."""

    def set_all(values):
        for name, value in values.items():
            setattr(settings, name, value)
        check_settings()

    return set_all


def create_all_topics():
    assert set(create_topics()) == set(topic_names())
    wait_until(have_leaders)


def names_of(casino):
    with use_casino(casino.current):
        return set(User.objects.values_list("id", flat=True))


def output_of(*command):
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(**IN_PROCESSES)
def test_consumer_producers_admin_and_replay_work_over_tls_and_scram(broker, connect, casino_a, casino_b):
    connect(scram(broker))
    assert broker_state(10) == "ok"
    create_all_topics()
    with Sender() as sender:
        sender.send("users", b"{", headers={"casino_id": "1"}, key="a")
    send(USERS, [(1, user(id=11)), (2, user(id=12))])
    assert consume(USERS, 3).counts == {(1, "stored"): 1, (2, "stored"): 1, (1, "malformed"): 1}
    assert (names_of(casino_a), names_of(casino_b)) == ({11}, {12})
    assert measure_lag(USERS).is_none
    assert "malformed" in output_of("dead_letters", "list")
    output_of("dead_letters", "replay", "--casino", "1", "--yes")
    assert consume(USERS, 1).counts == {(1, "malformed"): 1}
    assert "users" in output_of("ingestion_status")
    assert "No messages are parked" in output_of("parked", "list")


@pytest.mark.django_db(**IN_PROCESSES)
@pytest.mark.parametrize("login", [plain, mutual_tls, oauth], ids=lambda login: login.__name__)
def test_messages_are_produced_and_consumed_with_other_logins(broker, token_url, connect, casino_a, login):
    connect(login(broker, token_url) if login is oauth else login(broker))
    create_all_topics()
    send(USERS, [(1, user(id=11))])
    assert consume(USERS, 1).counts == {(1, "stored"): 1}


def test_served_recommendations_are_published(broker, connect, settings):
    connect(scram(broker))
    create_all_topics()
    settings.PUBLISH_RECOMMENDATIONS = True
    publisher = Publisher()
    publisher.publish(1, served())
    publisher.close(20)
    assert len(read_all(RECOMMENDATIONS, 1)) == 1


def test_topics_of_another_prefix_are_forbidden_by_the_broker(broker, connect, settings):
    connect(scram(broker))
    settings.KAFKA_TOPIC_PREFIX = "other."
    settings.KAFKA_STARTUP_SECONDS = 1
    with pytest.raises(BrokerUnavailable, match="uthorization failed"):
        create_topics()


WRONG = {
    "wrong password": (
        lambda broker: scram(broker) | {"KAFKA_SASL_PASSWORD": "wrong-secret"},
        "invalid credentials with SASL mechanism SCRAM-SHA-512: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
    ),
    "wrong password of PLAIN": (
        lambda broker: plain(broker) | {"KAFKA_SASL_PASSWORD": "wrong-secret"},
        "Invalid username or password: check KAFKA_SASL_USERNAME",
    ),
    "unknown user": (
        lambda broker: scram(broker) | {"KAFKA_SASL_USERNAME": "nobody"},
        "invalid credentials",
    ),
    "missing CA": (lambda broker: scram(broker) | {"KAFKA_SSL_CA": ""}, "set KAFKA_SSL_CA_FILE"),
    "another CA": (
        lambda broker: scram(broker) | {"KAFKA_SSL_CA": broker.certificate.read_text()},
        "KAFKA_SSL_CA_FILE",
    ),
    "mechanism that the broker does not offer": (
        lambda broker: scram(broker) | {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
        "supported mechanisms: SCRAM-SHA-512,PLAIN,OAUTHBEARER: check KAFKA_SASL_MECHANISM",
    ),
    "TLS against plaintext": (
        lambda broker: scram(broker) | {"KAFKA_BOOTSTRAP_SERVERS": broker.admin},
        "connecting to a PLAINTEXT broker listener?: check KAFKA_SECURITY_PROTOCOL and the port",
    ),
    "no client certificate": (
        lambda broker: mutual_tls(broker) | {"KAFKA_SSL_CERTIFICATE": "", "KAFKA_SSL_KEY": ""},
        "check KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE",
    ),
    "token endpoint that does not answer": (
        lambda broker: oauth(broker, "http://127.0.0.1:1/token"),
        "Failed to connect to 127.0.0.1:1",
    ),
}


@pytest.mark.parametrize(("wrong", "text"), WRONG.values(), ids=WRONG)
def test_refused_connection_tells_its_reason_in_error_log_and_readiness(broker, connect, caplog, wrong, text):
    connect(wrong(broker))
    admin = new_admin()
    with pytest.raises(KafkaException) as caught, listening(admin):
        admin.list_topics(timeout=2)
    assert text in explain(caught.value)
    assert text in caplog.text
    assert text in problem_of('{"brokers": {"a": {"state": "DOWN"}}}')
    assert connection_errors.is_refusal
    assert broker_state(2) == "refused"
    for secret in ("wrong-secret", broker.password, CLIENT_SECRET):
        assert secret not in caplog.text + explain(caught.value)


def test_plaintext_against_tls_is_reported_with_the_variable(broker, connect):
    connect({"KAFKA_BOOTSTRAP_SERVERS": broker.sasl})
    admin = new_admin()
    with pytest.raises(KafkaException) as caught, listening(admin):
        admin.list_topics(timeout=2)
    assert "does it expect TLS or SASL (KAFKA_SECURITY_PROTOCOL is PLAINTEXT)" in explain(caught.value)


def test_wrong_client_secret_is_reported(broker, connect, token_url):
    connect(oauth(broker, token_url) | {"KAFKA_OAUTH_CLIENT_SECRET": "wrong-secret"})
    admin = new_admin()
    with pytest.raises(KafkaException) as caught, listening(admin):
        admin.list_topics(timeout=2)
    assert "check the variables KAFKA_OAUTH_.." in explain(caught.value)
    assert "wrong-secret" not in explain(caught.value)


def test_consumer_with_a_wrong_password_ends_with_the_reason(broker, connect):
    connect(scram(broker) | {"KAFKA_SASL_PASSWORD": "wrong-secret"})
    consumer: TopicConsumer = TopicConsumer(USERS, Until(lambda: False))
    with pytest.raises(BrokerUnavailable, match="check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"):
        consumer.run()


def test_secrets_are_in_no_log_of_the_library_even_with_all_its_debugging(broker, connect, settings, caplog):
    connect(plain(broker) | {"KAFKA_CLIENT_OPTIONS": {"debug": "all"}})
    caplog.set_level(logging.DEBUG, logger="librdkafka")
    with closing(new_consumer({"group.id": f"{settings.KAFKA_GROUP_PREFIX}talkative"})) as client:
        client.list_topics(timeout=10)
        client.poll(1)
    assert "[redacted]" in caplog.text
    assert broker.password not in caplog.text


@pytest.fixture
def run_with_files(broker, connect, tmp_path):
    """Run a command with its secrets in files: (exit status, stdout, stderr, its command line)."""

    def run(*command, **changes):
        variables = scram(broker) | changes | {"KAFKA_STARTUP_SECONDS": "5", "KAFKA_TOPIC_PREFIX": f"{PREFIX}process."}
        connect({"KAFKA_BOOTSTRAP_SERVERS": variables.pop("KAFKA_BOOTSTRAP_SERVERS")})
        for name in ("KAFKA_SASL_PASSWORD", "KAFKA_SSL_CA"):
            (tmp_path / name).write_text(f"{variables.pop(name)}\n")
            variables[f"{name}_FILE"] = str(tmp_path / name)
        with manage(*command, env=database_environment(**variables)) as process:
            wait_until(psutil.Process(process.pid).cmdline)
            line = " ".join(psutil.Process(process.pid).cmdline())
            out, error = process.communicate(timeout=120)
        return process.returncode, out, error, line

    return run


@pytest.mark.django_db(**IN_PROCESSES)
def test_processes_read_secrets_from_files_and_show_none(broker, run_with_files):
    status, out, error, line = run_with_files("consume_users", "--idle-exit", "0.2")
    assert (status, out) == (0, "users: none\n"), error
    assert "consume_users" in line
    assert broker.password not in line + error


@pytest.mark.django_db(**IN_PROCESSES)
def test_wrong_password_ends_a_process_with_one_line(run_with_files):
    status, out, error, _ = run_with_files("create_topics", KAFKA_SASL_PASSWORD="wrong-secret")
    assert (status, out) == (1, "")
    last = error.splitlines()[-1]
    assert last.startswith("CommandError: The topics could not be created: ")
    assert "check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD" in last
    assert "Traceback" not in error
    assert "wrong-secret" not in error


def test_secrets_of_the_broker_are_readable_by_its_owner_alone(broker):
    security = broker.ca.parent
    for path in (security / "password", security / "keystore.pem", security.parent / "server.properties"):
        assert Path(path).stat().st_mode & 0o077 == 0
    assert os.stat(security).st_mode & 0o077 == 0
