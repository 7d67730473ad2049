"""The fixtures that this app's tests share: a caller of the API for each casino."""

from typing import Any

import pytest
from django.test import Client

from tenants.models import Casino

EXAMPLE_CONFIGURATION: dict[str, Any] = {
    "recommender_type": "inference",
    "recommendation_schema": {
        "user_id": {"type": "int", "source_field": "id"},
        "bet": {"type": "float", "source_field": "stake"},
        "time": {"type": "float", "source_field": "timestamp"},
        "events": {"type": "list", "source_field": "recommended_events"},
    },
}
TEST_DATABASES = ["default", "casino_1", "casino_2"]


class Caller:
    """Calls the API as a casino's back end does."""

    def __init__(self, casino: Casino) -> None:
        self._client = Client()
        self._headers = {"Casino-ID": str(casino.pk)}

    def get(self, path: str, **headers: str) -> Any:
        return self._client.get(path, headers={**self._headers, **headers})

    def post(self, path: str, body: Any = None) -> Any:
        return self._client.post(path, data=body, content_type="application/json", headers=self._headers)

    def patch(self, path: str, body: Any, content_type: str = "application/json") -> Any:
        return self._client.patch(path, data=body, content_type=content_type, headers=self._headers)

    def delete(self, path: str) -> Any:
        return self._client.delete(path, headers=self._headers)

    def configure(self, recommender_type: str) -> None:
        answer = self.post("/config", {**EXAMPLE_CONFIGURATION, "recommender_type": recommender_type})
        assert answer.status_code == 200, answer.content


@pytest.fixture
def caller_a(casino_a: Casino) -> Caller:
    return Caller(casino_a)


@pytest.fixture
def caller_b(casino_b: Casino) -> Caller:
    return Caller(casino_b)


@pytest.fixture
def example_configuration() -> dict[str, Any]:
    return EXAMPLE_CONFIGURATION
