"""Fixtures for the formatted log."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from recommendations.tests.factories import UserFactory
from tenants.models import Casino
from tenants.routing.context import use_casino


class Log:
    """The log in one of its formats."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(params=["json"])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """All log records at DEBUG, in the settings' format and with their filters."""
    stream = io.StringIO()
    settled: dict[str, Any] = settings.LOGGING
    parts = logging.config.DictConfigurator(settled)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(parts.configure_formatter({**settled["formatters"][request.param]}))
    handler.addFilter(parts.configure_filter({**settled["filters"]["request"]}))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield Log(stream)
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def ask(client: Client, casino_a: Casino) -> Any:
    """A function that requests a page for casino A."""
    headers = {"Casino-ID": str(casino_a.pk)}
    return lambda path, **more: client.get(path, headers=headers | more)


@pytest.fixture
def configured(casino_a: Casino) -> Casino:
    casino_a.recommender_type, casino_a.recommendation_schema = "static", {"user_id": "int"}
    casino_a.save()
    return casino_a


@pytest.fixture
def user_id(casino_a: Casino) -> int:
    """The id of a user, a number that is easy to find in a log."""
    with use_casino(casino_a.current):
        return int(UserFactory.create(id=8675309).pk)
