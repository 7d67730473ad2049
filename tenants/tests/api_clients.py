"""API keys of the tests' casinos, and requests with these keys."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from tenants.access.api_keys import IssuedKey, issue_key
from tenants.models import Casino, Scope

UNKNOWN_KEY = f"recsys_{'0' * 12}_{'A' * 43}"


def make_key(casino: Casino, *scopes: str, **changes: Any) -> IssuedKey:
    """A key with these scopes, or with all."""
    return issue_key(casino, **{"name": "back end", "scopes": scopes or Scope.values, "by": "tests", **changes})


def make_expired_key(casino: Casino) -> IssuedKey:
    return make_key(casino, expires_at=timezone.now() - timedelta(seconds=1))


def bearing(text: str, **headers: str) -> dict[str, str]:
    """The headers of a request with this API key."""
    return {"Authorization": f"Api-Key {text}", **headers}


def ask(text: str, path: str = "/config", **headers: str) -> Any:
    return Client().get(path, headers=bearing(text, **headers))
