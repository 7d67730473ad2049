"""The reason for a refused connection is in the error, the log and the readiness."""

import logging
import socket
import ssl
import subprocess
import threading
from contextlib import ExitStack

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from django.core.management import CommandError, call_command

from ingestion.consumer.consumer import TopicConsumer
from ingestion.errors import BrokerUnavailable
from ingestion.kafka.client import broker_state, client_config, new_admin
from ingestion.kafka.connection_errors import answer_within, connection_errors, explain, listening, problem_of
from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.tests.kafka_client import Until, closed_port
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.topics import PARTITIONS, USERS, create_topics, topic_names
from tenants.tests.waiting import require_quick, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _quiet_library():
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)


@pytest.fixture
def tls_listener(tmp_path):
    """The address of a server that speaks TLS only, with a certificate of its own."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server, context), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def accept(server, context):
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # closed
            return
        with client:
            try:
                context.wrap_socket(client, server_side=True).recv(1)
            except OSError:
                continue


def reason(**options):
    """The text of the error of a client with these options."""
    admin = AdminClient(client_config() | {"log_level": 0, **{key.replace("_", "."): options[key] for key in options}})
    with pytest.raises(KafkaException) as caught, listening(admin):
        admin.list_topics(timeout=1)
    return explain(caught.value)


def require_reason(text, **options):
    """A busy machine may need more than one attempt."""
    wait_until(lambda: text in reason(**options), else_say=f"not the reason: {text}")


def test_closed_port_is_reported(settings, caplog):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    settings.KAFKA_STARTUP_SECONDS = 0.1
    with pytest.raises(BrokerUnavailable, match="Connection refused"):
        create_topics()
    assert "Kafka: " in caplog.text
    assert "Connection refused" in caplog.text
    assert broker_state(1) == "unavailable"


def test_missing_ca_is_reported_and_is_a_refusal(settings, tls_listener):
    settings.KAFKA_BOOTSTRAP_SERVERS = tls_listener
    require_reason("certificate verify failed", security_protocol="SSL")
    assert broker_state(1) == "refused"


def test_plaintext_against_tls_is_guessed(settings, tls_listener):
    settings.KAFKA_BOOTSTRAP_SERVERS = tls_listener
    require_reason(f"{tls_listener} accepts connections, but does not answer: does it expect TLS or SASL")


def test_tls_against_plaintext_is_reported(settings):
    with EmbeddedBroker() as broker:
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        require_reason("connecting to a PLAINTEXT broker listener?", security_protocol="SSL")


def test_refused_login_is_reported_and_is_a_refusal(settings):
    """The embedded broker has no SASL; a wrong password on Apache Kafka has the same error code."""
    login = {"sasl_mechanism": "PLAIN", "sasl_username": "a", "sasl_password": "b"}
    with EmbeddedBroker() as broker:
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        require_reason("SASL", security_protocol="SASL_PLAINTEXT", **login)
        assert connection_errors.is_refusal


@pytest.mark.parametrize(
    "connect", [create_topics, lambda: TopicConsumer(USERS, Until(lambda: False)).run()], ids=["topics", "consumer"]
)
def test_refused_login_ends_a_process_that_starts_at_once(settings, connect):
    settings.KAFKA_STARTUP_SECONDS = 300  # of a consumer, 30
    settings.KAFKA_SECURITY_PROTOCOL, settings.KAFKA_SASL_MECHANISM = "SASL_PLAINTEXT", "PLAIN"
    settings.KAFKA_SASL_USERNAME = settings.KAFKA_SASL_PASSWORD = "wrong"

    def require_the_reason() -> None:
        with pytest.raises(BrokerUnavailable, match="SASL Handshake not supported by broker"):
            connect()

    with EmbeddedBroker() as broker:
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        require_quick(require_the_reason, 15)


@pytest.mark.parametrize(
    "text",
    [
        "SASL PLAIN mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms: (n/a)",
        "SASL PLAIN mechanism handshake failed: Local: Timed out: broker's supported mechanisms: (n/a)",
        "SASL authentication failure: Disconnected",
    ],
)
def test_connection_lost_during_the_login_is_no_refusal(text):
    """librdkafka has the same error code for both."""
    connection_errors.record(KafkaError(KafkaError._AUTHENTICATION, f"{text} (after 3ms in state AUTH_HANDSHAKE)"))
    assert connection_errors.reason == text
    assert not connection_errors.is_refusal
    assert connection_errors.login_refused_at == float("-inf")


def test_starting_broker_is_asked_again_every_few_seconds(settings):
    """A refused login is noticed between two attempts."""
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    attempts = list[float]()

    def ask(seconds: float) -> None:
        attempts.append(seconds)
        if len(attempts) < 5:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    answer_within(300, new_admin(), ask)
    assert attempts == [1, 2, 4, 5, 5]


def test_missing_token_is_waited_for_at_the_start(settings):
    """Its endpoint may be starting, too."""
    settings.KAFKA_SECURITY_PROTOCOL, settings.KAFKA_SASL_MECHANISM = "SASL_PLAINTEXT", "OAUTHBEARER"
    settings.KAFKA_OAUTH_TOKEN_URL = f"http://{closed_port()}/token"
    settings.KAFKA_OAUTH_CLIENT_ID = settings.KAFKA_OAUTH_CLIENT_SECRET = "client"
    attempts = list[float]()

    def has_reason() -> bool:
        admin.poll(0.1)  # more than one event: the client also requests the token
        return "OAUTHBEARER token" in connection_errors.reason

    def ask(seconds: float) -> None:
        attempts.append(seconds)
        if len(attempts) == 1:
            wait_until(has_reason)
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    with EmbeddedBroker() as broker:
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        admin = new_admin()
        answer_within(60, admin, ask)
    assert attempts == [1, 2]
    assert connection_errors.is_refusal


def test_commands_tell_it_in_one_line(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_ANSWER_SECONDS = closed_port(), 1.0
    with pytest.raises(CommandError, match=r"^Kafka: .*Connection refused$"):
        call_command("parked", "list")


@pytest.mark.slow
def test_refusal_is_not_replaced_by_the_broken_connections_that_follow(settings, tls_listener):
    settings.KAFKA_BOOTSTRAP_SERVERS = tls_listener
    require_reason("certificate verify failed", security_protocol="SSL")
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    reason()
    assert "certificate verify failed" in connection_errors.reason


def test_connected_client_has_no_problem():
    assert problem_of('{"brokers": {"a": {"state": "DOWN"}, "b": {"state": "UP", "rtt": {}}}, "topics": {}}') == ""
    assert problem_of('{"brokers": {"a": {"state": "DOWN"}}}') == "no broker is connected: still connecting"


@pytest.mark.django_db(**IN_PROCESSES)
@pytest.mark.slow
def test_consumer_is_unready_while_no_broker_is_connected(settings, casino_a):
    seen = []
    settings.KAFKA_BATCH_SECONDS = 0.05
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        for name in topic_names():
            broker.create_topic(name, PARTITIONS)

        def is_done():
            status, _, body = consumer.health.ready()
            seen.append((status, body.decode().strip()))
            if status == 200:
                stack.close()  # ends the broker
            return seen[-1][0] == 503 and 200 in {status for status, _ in seen}

        consumer: TopicConsumer = TopicConsumer(USERS, Until(is_done))
        consumer.run()
    assert "messages are stored" in {text for _, text in seen}
    assert "no broker is connected" in seen[-1][1]
    assert "Connection refused" in seen[-1][1] or "Disconnected" in seen[-1][1]
