"""Checks the settings of Kafka's clients when a process starts, without connecting to a broker."""

import logging
import re
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer
from django.core.exceptions import ImproperlyConfigured

from .client_options import client_options, refused_options, variable_of
from .security import SETTING_OF_OPTION, contradictions, is_secured, security_options

_UNKNOWN = re.compile(r'No such configuration property: "(.*)"')
_silent = logging.Logger("settings of Kafka's clients")  # a logger without parent and handler
_silent.addHandler(logging.NullHandler())


def check_settings() -> None:
    """Raises ImproperlyConfigured, with a line for each problem; no line contains a secret."""
    lines = [*contradictions(), *refused_options()]
    if not lines and (is_secured() or client_options()):
        lines = [*_refused_by_library()]
    if lines:
        raise ImproperlyConfigured("\n".join(lines))


def _refused_by_library() -> Iterator[str]:
    """A line for each unknown option, and for the first other problem. Creates a producer and a consumer, which connect
    to no broker without `bootstrap.servers`, and closes them."""
    options: dict[str, Any] = security_options() | client_options() | {"log_level": 0, "logger": _silent}
    if options.get("sasl.mechanism") == "OAUTHBEARER":  # a client with this login requests a token at once
        options["security.protocol"] = options["security.protocol"].removeprefix("SASL_")
    while (problem := _problem_of(options)) is not None:
        unknown = _UNKNOWN.search(problem)
        if unknown is None or options.pop(unknown[1], None) is None:
            yield _line(problem)
            return
        yield f"{variable_of(unknown[1])} is no option of Kafka's client: librdkafka has no {unknown[1]}."


def _problem_of(options: dict[str, Any]) -> str | None:
    try:
        Producer(options)
        Consumer(options | {"group.id": "unused"}).close()
    except KafkaException as error:
        return str(error.args[0].str()).strip()
    return None


def _line(problem: str) -> str:
    """The problem, with the variable of the option that the library's text names."""
    variables = SETTING_OF_OPTION | {option: variable_of(option) for option in client_options()}
    named = next((variable for option, variable in variables.items() if option in problem), "A variable KAFKA_..")
    return f"{named} has a wrong value: {problem}."
