"""Finds the reason for failed connections to brokers: a wrong password, a missing CA, TLS against plaintext. librdkafka
passes the reason to `error_cb` only; its exceptions have the text "transport failure". Also waits for a broker that is
starting."""

import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from django.conf import settings

from tenants.process_state import register

logger = logging.getLogger(__name__)

T = TypeVar("T")

RECENT_SECONDS = 60.0
_FIRST_ANSWER_SECONDS, _ANSWER_SECONDS, _RETRY_SECONDS = 1.0, 5.0, 0.5  # a refusal is noticed only between answers
_CONNECT_SECONDS = 2.0
_REFUSALS = frozenset({
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
})  # fmt: skip
_REFUSED_LOGINS = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})
_TOKENLESS = "OAUTHBEARER token"  # an error of the client; the endpoint of its token may still be starting
_LOST = ("transport failure", "timed out", "disconnected")  # lost during the login, which librdkafka reports as refused
_TLS_REFUSALS = ("SSL handshake failed", "tls alert")
_WITHOUT_REASON = frozenset({KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN})
_CLIENT_CERTIFICATE = "check KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE"
# Part of librdkafka's text, which names its own options -> advice, which names this service's variables.
_ADVICE = {
    "certificate verify failed": "set KAFKA_SSL_CA_FILE to the certificate of the brokers' CA",
    "alert certificate required": _CLIENT_CERTIFICATE,
    "alert bad certificate": _CLIENT_CERTIFICATE,  # brokers on Java also send it without a certificate
    "connecting to a PLAINTEXT broker listener": "check KAFKA_SECURITY_PROTOCOL and the port",
    "Unsupported SASL mechanism": "check KAFKA_SASL_MECHANISM",
    _TOKENLESS: "check the variables KAFKA_OAUTH_..",
    "SASL authentication error": "check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
}
_STATE = re.compile(r"\s*\(after \d+ms in state .*\)$")


class ConnectionErrors:
    """The latest reason why a client of this process could not connect. Broken connections that follow a refusal do not
    replace it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._reason, self._is_refusal, self._at = "", False, float("-inf")
        self.login_refused_at = float("-inf")  # in time.monotonic()

    def record(self, error: KafkaError) -> None:
        """The clients' `error_cb`."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            return
        reason = _with_advice(_STATE.sub("", error.str()))
        is_login = error.code() in _REFUSED_LOGINS and _TOKENLESS not in reason
        is_lost = is_login and any(text in reason.lower() for text in _LOST)
        is_refusal = not is_lost and (error.code() in _REFUSALS or any(text in reason for text in _TLS_REFUSALS))
        with self._lock:
            if is_login and not is_lost:
                self.login_refused_at = time.monotonic()
            if self._is_refusal and not is_refusal and self._is_recent():
                return
            is_new = reason != self._reason or not self._is_recent()
            self._reason, self._is_refusal, self._at = reason, is_refusal, time.monotonic()
        if is_new:
            logger.warning("Kafka: %s", reason)

    @property
    def reason(self) -> str:
        """The reason; empty if no connection failed within a minute."""
        return self._reason if self._is_recent() else ""

    @property
    def is_refusal(self) -> bool:
        """Whether a broker, or this client, refused the connection because of its configuration."""
        return self._is_refusal and self._is_recent()

    def _is_recent(self) -> bool:
        return time.monotonic() - self._at < RECENT_SECONDS


def _with_advice(reason: str) -> str:
    advice = next((advice for text, advice in _ADVICE.items() if text in reason), "")
    return f"{reason}: {advice}" if advice else reason


connection_errors = ConnectionErrors()
register("Kafka's connection errors", reset=connection_errors.reset)


@contextmanager
def listening(client: Consumer | AdminClient) -> Iterator[None]:
    """Poll the client for its connection errors if the block raises KafkaException: only polling reports them."""
    try:
        yield
    except KafkaException:
        client.poll(0)
        raise


def answer_within(seconds: float, client: Consumer | AdminClient, ask: Callable[[float], T]) -> T:
    """The result of `ask`, which is called until a starting broker responds; its argument is the number of seconds that
    it may wait. Raises its KafkaException after `seconds`, and after an attempt in which a broker refuses the login."""
    began, patience = time.monotonic(), _FIRST_ANSWER_SECONDS
    while True:
        left = began + seconds - time.monotonic()
        try:
            with listening(client):
                return ask(min(patience, max(left, _RETRY_SECONDS)))
        except KafkaException as error:
            if time.monotonic() >= began + seconds or connection_errors.login_refused_at >= began:
                raise
            logger.info("Waiting for the broker: %s", explain(error))
        time.sleep(_RETRY_SECONDS)
        patience = min(2 * patience, _ANSWER_SECONDS)


def explain(error: KafkaException) -> str:
    """The error, with the reason for the failed connections if the error lacks it."""
    text = str(error.args[0].str())
    if error.args[0].code() not in _WITHOUT_REASON:
        return text
    reason = connection_errors.reason or _probable_reason()
    return f"{text}: {reason}" if reason else text


def _probable_reason() -> str:
    """The probable reason if a broker accepts connections but does not answer: a TLS listener closes a plaintext
    connection without an error."""
    for address in settings.KAFKA_BOOTSTRAP_SERVERS.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
        except (OSError, ValueError):
            continue
        return (
            f"{address} accepts connections, but does not answer: does it expect TLS or SASL "
            f"(KAFKA_SECURITY_PROTOCOL is {settings.KAFKA_SECURITY_PROTOCOL}), or is it starting?"
        )
    return ""


class _Broker(msgspec.Struct):
    state: str


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker] = {}


_STATISTICS = msgspec.json.Decoder(_Statistics)


def problem_of(statistics: str) -> str:
    """The reason why the client with these `stats_cb` statistics is connected to no broker; empty if it is
    connected."""
    states = {broker.state for broker in _STATISTICS.decode(statistics).brokers.values()}
    if states & {"UP", "UPDATE"}:
        return ""
    return f"no broker is connected: {connection_errors.reason or 'still connecting'}"
