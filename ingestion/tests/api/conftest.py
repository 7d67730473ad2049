"""Clients that send messages over HTTP."""

from typing import Any

import msgspec
import pytest
from django.test import Client

from tenants.models import Casino
from tenants.tests.api_clients import bearing, make_key

LINES = "application/x-ndjson"


class Sender:
    """A casino's back end with its own API key."""

    def __init__(self, casino: Casino, *scopes: str) -> None:
        self._key = make_key(casino, *scopes or ("ingest",)).text
        self._client = Client()

    def post(self, path: str, body: Any, *, key: str | None = None, media_type: str = "application/json") -> Any:
        """The response to a body: bytes are sent unchanged, any other value as JSON."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = bearing(self._key) | ({} if key is None else {"Idempotency-Key": key})
        return self._client.post(path, content, content_type=media_type, headers=headers)

    def outcomes(self, path: str, body: Any, **options: Any) -> list[str]:
        """For each message the rejection's code, or the outcome."""
        response = self.post(path, body, **options)
        assert response.status_code in (200, 202, 207), response.content
        items = response.json()["items"]
        assert [each["index"] for each in items] == list(range(len(items)))
        return [each.get("code", each["outcome"]) for each in items]

    def delete(self, path: str) -> Any:
        return self._client.delete(path, headers=bearing(self._key))


@pytest.fixture
def sender(casino_a: Casino, settings: Any) -> Sender:
    settings.RECSYS_OPEN_API = False
    return Sender(casino_a)
