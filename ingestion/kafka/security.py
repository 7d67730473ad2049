"""The TLS and SASL options of the clients, from the settings."""

from collections.abc import Iterator

from django.conf import settings

_OAUTH = ("KAFKA_OAUTH_TOKEN_URL", "KAFKA_OAUTH_CLIENT_ID", "KAFKA_OAUTH_CLIENT_SECRET", "KAFKA_OAUTH_SCOPE")
_LOGIN = ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
_TLS = ("KAFKA_SSL_CA", "KAFKA_SSL_CERTIFICATE", "KAFKA_SSL_KEY", "KAFKA_SSL_KEY_PASSWORD")
_OWN_OAUTH = ("sasl.oauthbearer.", "enable.sasl.oauthbearer.")

# Option of librdkafka -> the name of its setting.
SETTING_OF_OPTION = {
    "security.protocol": "KAFKA_SECURITY_PROTOCOL",
    "sasl.mechanism": "KAFKA_SASL_MECHANISM",
    "sasl.username": "KAFKA_SASL_USERNAME",
    "sasl.password": "KAFKA_SASL_PASSWORD",
    "sasl.oauthbearer.token.endpoint.url": "KAFKA_OAUTH_TOKEN_URL",
    "sasl.oauthbearer.client.id": "KAFKA_OAUTH_CLIENT_ID",
    "sasl.oauthbearer.client.secret": "KAFKA_OAUTH_CLIENT_SECRET",
    "sasl.oauthbearer.scope": "KAFKA_OAUTH_SCOPE",
    "ssl.ca.pem": "KAFKA_SSL_CA",
    "ssl.certificate.pem": "KAFKA_SSL_CERTIFICATE",
    "ssl.key.pem": "KAFKA_SSL_KEY",
    "ssl.key.password": "KAFKA_SSL_KEY_PASSWORD",
}


def security_options() -> dict[str, str]:
    """The options of librdkafka for TLS and SASL."""
    options = {option: value for option, setting in SETTING_OF_OPTION.items() if (value := _value(setting))}
    for option in ("ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem"):
        if option in options:  # a variable may have the file on one line
            options[option] = options[option].replace("\\n", "\n")
    if "sasl.oauthbearer.token.endpoint.url" in options:
        options["sasl.oauthbearer.method"] = "oidc"
    return options


def is_secured() -> bool:
    return bool(_value("KAFKA_SECURITY_PROTOCOL") != "PLAINTEXT")


def contradictions() -> Iterator[str]:
    """A line for each missing setting of TLS and SASL, and for each that would silently have no effect."""
    protocol = settings.KAFKA_SECURITY_PROTOCOL
    if is_secured() and not settings.KAFKA_BOOTSTRAP_SERVERS:
        yield (
            f"KAFKA_SECURITY_PROTOCOL is {protocol}, but the embedded broker has neither TLS nor SASL: set "
            "KAFKA_BOOTSTRAP_SERVERS, or unset KAFKA_SECURITY_PROTOCOL."
        )
    yield from _contradictions_of_tls()
    yield from _contradictions_of_sasl()


def _contradictions_of_tls() -> Iterator[str]:
    if not settings.KAFKA_SECURITY_PROTOCOL.endswith("SSL"):
        yield from _without_effect(_TLS, "KAFKA_SECURITY_PROTOCOL", "SSL or SASL_SSL")
        return
    certificate, key = (bool(_value(name)) for name in ("KAFKA_SSL_CERTIFICATE", "KAFKA_SSL_KEY"))
    if certificate != key and "ssl.key.location" not in settings.KAFKA_CLIENT_OPTIONS:
        yield "Only one of KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY is set: set both for mutual TLS, or none."


def _contradictions_of_sasl() -> Iterator[str]:
    protocol, mechanism = settings.KAFKA_SECURITY_PROTOCOL, settings.KAFKA_SASL_MECHANISM
    if not protocol.startswith("SASL"):
        given = ("KAFKA_SASL_MECHANISM", *_LOGIN, *_OAUTH)
        yield from _without_effect(given, "KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    elif not mechanism:
        yield (
            f"KAFKA_SASL_MECHANISM is not set, and KAFKA_SECURITY_PROTOCOL is {protocol}: set it to PLAIN, "
            "SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER."
        )
    elif mechanism == "OAUTHBEARER":
        yield from _without_effect(_LOGIN, "KAFKA_SASL_MECHANISM", "PLAIN or SCRAM-SHA-512")
        if not any(option.startswith(_OWN_OAUTH) for option in settings.KAFKA_CLIENT_OPTIONS):
            yield from _missing(_OAUTH[:3])
    else:
        yield from _without_effect(_OAUTH, "KAFKA_SASL_MECHANISM", "OAUTHBEARER")
        yield from _missing(_LOGIN)


def _without_effect(names: tuple[str, ...], decided_by: str, needed: str) -> Iterator[str]:
    for name in names:
        if _value(name):
            current = _value(decided_by) or "not set"
            yield f"{name} has no effect while {decided_by} is {current}: unset it, or set {decided_by} to {needed}."


def _missing(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if not _value(name):
            yield f"{name} is not set, and KAFKA_SASL_MECHANISM is {settings.KAFKA_SASL_MECHANISM}: set it."


def _value(setting: str) -> str:
    value: str = getattr(settings, setting)
    return value
