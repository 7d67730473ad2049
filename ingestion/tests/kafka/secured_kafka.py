"""An Apache Kafka with TLS, SASL and ACLs for the tests, and the settings of its clients."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from fasteners import InterProcessLock

from tools.apache_kafka.broker import free_port
from tools.apache_kafka.errors import KafkaMissing
from tools.apache_kafka.jars import fetched_jars, require_java
from tools.apache_kafka.secured_broker import USER, SecuredBroker, running_secured_broker

PREFIX = "acme."  # the prefix of all allowed names
CLIENT_SECRET = "client-secret-of-the-tests"
# A short-lived broker mostly starts, and the optimizing compiler takes half of the processor time of a start.
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
JARS = Path(settings.BASE_DIR) / ".local" / "apache-kafka" / "jars"  # the jars of `make kafka`


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredBroker]:
    """A running broker. Skips the test if Java or the jars are missing; the reason says how to install them."""
    try:
        require_java()
        jars = fetched_jars(JARS)
    except KafkaMissing as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        one_at_a_time = InterProcessLock(folder.parents[1] / "secured-kafka.lock")  # all workers
        with one_at_a_time, pytest.MonkeyPatch.context() as patch:
            patch.setenv("JDK_JAVA_OPTIONS", QUICK_START)
            broker = running_secured_broker(jars, free_port(), folder, folder / "log", prefix=PREFIX)
            started = stack.enter_context(broker)
        yield started


def scram(broker: SecuredBroker) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker.sasl,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD": broker.password,
        "KAFKA_SSL_CA": broker.ca.read_text(),
    }


def plain(broker: SecuredBroker) -> dict[str, str]:
    return scram(broker) | {"KAFKA_SASL_MECHANISM": "PLAIN"}


def mutual_tls(broker: SecuredBroker) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker.mutual_tls,
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CA": broker.ca.read_text().replace("\n", "\\n"),
        "KAFKA_SSL_CERTIFICATE": broker.certificate.read_text(),
        "KAFKA_SSL_KEY": broker.certificate.with_suffix(".key").read_text(),
    }


def oauth(broker: SecuredBroker, token_url: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker.sasl,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "KAFKA_OAUTH_TOKEN_URL": token_url,
        "KAFKA_OAUTH_CLIENT_ID": "recsys-client",
        "KAFKA_OAUTH_CLIENT_SECRET": CLIENT_SECRET,
        "KAFKA_OAUTH_SCOPE": "kafka",
        "KAFKA_SSL_CA": broker.ca.read_text(),
    }


@contextmanager
def token_endpoint() -> Iterator[str]:
    """The URL of an OpenID provider's token endpoint, which issues unsigned tokens for `CLIENT_SECRET`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            status = 200 if login == f"recsys-client:{CLIENT_SECRET}" else 401
            answer = {"access_token": _unsigned_token()} if status == 200 else {"error": "invalid_client"}
            body = json.dumps(answer | {"token_type": "Bearer", "expires_in": 600}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/token"
        server.shutdown()


def _unsigned_token() -> str:
    now = int(time.time())
    parts = {"alg": "none"}, {"sub": USER, "iat": now, "exp": now + 600, "scope": "kafka"}
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."
