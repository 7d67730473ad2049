"""System checks of `manage.py check --deploy`: settings of Kafka connections that offer less protection than they seem
to."""

from typing import Any

from django.conf import settings
from django.core import checks

from .kafka.client_options import variable_of

_UNVERIFIED = {"enable.ssl.certificate.verification": "false", "ssl.endpoint.identification.algorithm": "none"}


@checks.register(checks.Tags.security, deploy=True)
def check_kafka_connections(**kwargs: Any) -> list[checks.CheckMessage]:
    options, mechanism = settings.KAFKA_CLIENT_OPTIONS, settings.KAFKA_SASL_MECHANISM
    found: list[checks.CheckMessage] = [
        checks.Warning(
            f"{variable_of(option)} is {value}: anyone on the network can pose as the Kafka broker.",
            hint="Unset it, and set KAFKA_SSL_CA_FILE to the certificate of the brokers' CA.",
            id="ingestion.W001",
        )
        for option, value in _UNVERIFIED.items()
        if options.get(option, "").strip().lower() == value
    ]
    if settings.KAFKA_SECURITY_PROTOCOL == "SASL_PLAINTEXT" and mechanism in {"PLAIN", "OAUTHBEARER"}:
        found.append(
            checks.Warning(
                f"KAFKA_SASL_MECHANISM is {mechanism} without TLS: anyone on the network can read the login.",
                hint="Set KAFKA_SECURITY_PROTOCOL to SASL_SSL.",
                id="ingestion.W002",
            )
        )
    return found
