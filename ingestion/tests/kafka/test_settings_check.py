"""Wrong settings of Kafka's clients end a process when it starts, with a line each and without a secret."""

import re
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.views.debug import SafeExceptionReporterFilter

from ingestion.checks import check_kafka_connections
from ingestion.consumer.group_config import group_config
from ingestion.errors import InvalidKafkaSettings
from ingestion.kafka.client import broker_state, client_config, new_admin
from ingestion.kafka.client_options import refused_options
from ingestion.kafka.settings_check import check_settings
from ingestion.metrics import DROPPED
from ingestion.producers.publisher import Publisher
from ingestion.tests.manage_processes import run
from ingestion.tests.producers.test_publisher import served
from ingestion.topics import USERS

SECRET = "hunter2-secret"
SOURCES = [path for path in (Path(django_settings.BASE_DIR) / "ingestion").rglob("*.py") if "tests" not in path.parts]
SCRAM = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "recsys",
    "KAFKA_SASL_PASSWORD": SECRET,
}
OAUTH = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
    "KAFKA_OAUTH_TOKEN_URL": "https://127.0.0.1:1/token",
    "KAFKA_OAUTH_CLIENT_ID": "recsys",
    "KAFKA_OAUTH_CLIENT_SECRET": SECRET,
}


@pytest.fixture
def problems_of(settings):
    """The lines of the check with these settings; `options` are those of KAFKA_CLIENT_.."""
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"

    def check(options=None, **values):
        settings.KAFKA_CLIENT_OPTIONS = options or {}
        for name, value in values.items():
            setattr(settings, name, value)
        try:
            check_settings()
        except ImproperlyConfigured as error:
            return str(error).replace(SECRET, "a shown secret").splitlines()
        return []

    return check


@pytest.fixture
def certificate(tmp_path):
    """(certificate, key encrypted with `SECRET`), in PEM format."""
    files = ["-keyout", tmp_path / "key", "-out", tmp_path / "certificate", "-passout", f"pass:{SECRET}"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=a"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return (tmp_path / "certificate").read_text(), (tmp_path / "key").read_text()


@pytest.mark.parametrize("values", [{}, SCRAM, SCRAM | {"KAFKA_SASL_MECHANISM": "PLAIN"}, OAUTH])
def test_complete_settings_pass(problems_of, values):
    assert problems_of(**values) == []


def test_any_option_of_the_library_is_passed_to_all_clients(problems_of):
    options = {"socket.timeout.ms": "7000", "log.level": "3", "ssl.ca.location": "/etc", "fetch.min.bytes": "10"}
    assert problems_of(options) == []
    config = client_config()
    assert (config["socket.timeout.ms"], config["log_level"]) == ("7000", "3")


def test_unknown_options_and_wrong_values_are_reported_by_their_variables(problems_of):
    *unknown, wrong = problems_of({"socket.timout.ms": "1", "nope": SECRET, "socket.timeout.ms": "soon"})
    assert unknown == [
        "KAFKA_CLIENT_SOCKET_TIMOUT_MS is no option of Kafka's client: librdkafka has no socket.timout.ms.",
        "KAFKA_CLIENT_NOPE is no option of Kafka's client: librdkafka has no nope.",
    ]
    assert wrong.startswith("KAFKA_CLIENT_SOCKET_TIMEOUT_MS has a wrong value: Invalid value for")


def test_options_that_break_a_guarantee_or_have_a_variable_are_refused(problems_of):
    found = problems_of({"enable.auto.commit": "true", "group.id": "x", "sasl.password": SECRET, "acks": "0"})
    *before, last = found
    assert before == [
        "KAFKA_CLIENT_ENABLE_AUTO_COMMIT can't be set: offsets are committed only after their messages are stored. "
        "Unset it.",
        "KAFKA_CLIENT_GROUP_ID is not the variable for this: set KAFKA_GROUP_PREFIX.",
        "KAFKA_CLIENT_SASL_PASSWORD is not the variable for this: set KAFKA_SASL_PASSWORD.",
    ]
    assert last.startswith("KAFKA_CLIENT_ACKS can't be set: parked and replayed messages and served recommendations")


def is_option(name):
    try:
        Producer({name: "\0"})
    except KafkaException as error:
        return "No such configuration property" not in error.args[0].str()
    return True


def test_every_option_that_the_source_sets_is_refused(settings):
    """Otherwise a variable would silently have no effect, or change what a client relies on."""
    sources = [path for path in SOURCES if path.name != "checks.py"]  # which only reads them
    found = {name for path in sources for name in re.findall(r'"([a-z]+(?:\.[a-z]+)+)"', path.read_text())}
    options = {name for name in found if is_option(name)} - {"sasl.oauthbearer.method", "ssl.key.location"}
    assert {"enable.auto.commit", "message.timeout.ms", "statistics.interval.ms", *group_config(USERS)} <= options
    settings.KAFKA_CLIENT_OPTIONS = dict.fromkeys(options, "x")
    assert len([*refused_options()]) == len(options)


TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL"}
CONTRADICTIONS = [
    ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_MECHANISM is not set, and"),
    (SCRAM | {"KAFKA_SASL_PASSWORD": ""}, "KAFKA_SASL_PASSWORD is not set, and KAFKA_SASL_MECHANISM is SCRAM-SHA-512"),
    (TLS | {"KAFKA_SASL_USERNAME": "a"}, "KAFKA_SASL_USERNAME has no effect while KAFKA_SECURITY_PROTOCOL is SSL"),
    ({"KAFKA_SSL_CA": "-----BEGIN"}, "KAFKA_SSL_CA has no effect while KAFKA_SECURITY_PROTOCOL is PLAINTEXT: unset it"),
    (OAUTH | {"KAFKA_OAUTH_CLIENT_SECRET": ""}, "KAFKA_OAUTH_CLIENT_SECRET is not set"),
    (OAUTH | {"KAFKA_SASL_PASSWORD": SECRET}, "KAFKA_SASL_PASSWORD has no effect while KAFKA_SASL_MECHANISM is OAUTH"),
    (SCRAM | {"KAFKA_OAUTH_SCOPE": "kafka"}, "KAFKA_OAUTH_SCOPE has no effect while KAFKA_SASL_MECHANISM is SCRAM"),
    (TLS | {"KAFKA_SSL_KEY": SECRET}, "Only one of KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY is set"),
    (TLS | {"KAFKA_SSL_CA": SECRET}, "KAFKA_SSL_CA has a wrong value: Failed to create"),
    (TLS | {"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_SECURITY_PROTOCOL is SSL, but the embedded broker has neither"),
]


@pytest.mark.parametrize(("values", "start"), CONTRADICTIONS)
def test_contradictory_settings_of_tls_and_sasl_are_refused(problems_of, values, start):
    [line] = problems_of(**values)
    assert line.startswith(start)


def test_own_options_of_oauthbearer_need_no_token_endpoint(problems_of):
    settings_of_login = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "OAUTHBEARER"}
    assert problems_of({"enable.sasl.oauthbearer.unsecure.jwt": "true"}, **settings_of_login) == []


def test_client_certificate_with_an_encrypted_key_passes_with_its_password_alone(problems_of, certificate):
    values = {
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CERTIFICATE": certificate[0].replace("\n", "\\n"),  # on one line
        "KAFKA_SSL_KEY": certificate[1],
    }
    assert problems_of(**values, KAFKA_SSL_KEY_PASSWORD=SECRET) == []
    [line] = problems_of(**values, KAFKA_SSL_KEY_PASSWORD="wrong")
    assert line.startswith("KAFKA_SSL_KEY has a wrong value: ")


def test_client_that_cannot_be_created_later_is_an_error_of_its_own(problems_of, settings):
    """A client can't be created if a file of certificates is removed while the service runs."""
    problems_of({"ssl.ca.location": "/missing"}, KAFKA_SECURITY_PROTOCOL="SSL")
    with pytest.raises(InvalidKafkaSettings, match=r"ssl\.ca\.location failed"):
        new_admin()
    assert broker_state(1) == "refused"
    settings.PUBLISH_RECOMMENDATIONS = True
    before = DROPPED.labels("no_broker")._value.get()
    Publisher().publish(1, served())
    assert DROPPED.labels("no_broker")._value.get() == before + 1


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.django_db
def test_wrong_settings_end_a_process_with_a_line_each_and_no_traceback():
    status, out, error = run(
        "casino", "list", KAFKA_CLIENT_ENABLE_AUTO_COMMIT="true", KAFKA_CLIENT_SASL_PASSWORD=SECRET
    )
    assert (status, out) == (1, "")
    assert [line.partition(" ")[0] for line in error.splitlines()] == [
        "KAFKA_CLIENT_ENABLE_AUTO_COMMIT",
        "KAFKA_CLIENT_SASL_PASSWORD",
    ]
    assert SECRET not in error


@pytest.mark.parametrize(
    ("options", "values", "ids"),
    [
        ({}, SCRAM, []),
        ({"enable.ssl.certificate.verification": "False"}, SCRAM, ["ingestion.W001"]),
        ({"ssl.endpoint.identification.algorithm": "none"}, SCRAM, ["ingestion.W001"]),
        ({"ssl.endpoint.identification.algorithm": "https"}, SCRAM, []),
        ({}, SCRAM | {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, []),
        ({}, OAUTH | {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, ["ingestion.W002"]),
    ],
)
def test_connections_that_protect_little_are_reported_before_a_deployment(problems_of, options, values, ids):
    assert problems_of(options, **values) == []
    assert [message.id for message in check_kafka_connections()] == ids


def test_secrets_are_hidden_on_djangos_debug_pages(settings):
    settings.KAFKA_SASL_PASSWORD = settings.KAFKA_OAUTH_CLIENT_SECRET = settings.KAFKA_SSL_KEY = SECRET
    settings.KAFKA_CLIENT_OPTIONS = {"ssl.keystore.password": SECRET}
    assert SECRET not in str(SafeExceptionReporterFilter().get_safe_settings())
