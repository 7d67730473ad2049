"""A revoked key is invalid in all processes."""

import pytest

from tenants.access.api_keys import revoke_key, rotate_key
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.suspend import suspend_casino
from tenants.tests.api_clients import ask, make_key

pytestmark = pytest.mark.covered


@pytest.fixture
def cached_key(real_databases, settings):
    """A key of a real casino, which this process has cached."""
    settings.RECSYS_OPEN_API, settings.CATALOGUE_LEASE_SECONDS = False, 0.3
    issued = make_key(create_casino("Gamma"))
    assert ask(issued.text).status_code == 400  # not configured yet
    return issued


@pytest.mark.parametrize("end", [revoke_key, lambda key: rotate_key(key, by="tests")])
def test_cached_key_is_not_used_after_it_is_revoked_or_rotated(cached_key, end):
    end(cached_key.row)
    assert ask(cached_key.text).json()["code"] == "invalid_api_key"


def test_cached_key_is_not_used_after_its_casino_is_suspended(cached_key):
    suspend_casino(cached_key.row.casino)
    assert ask(cached_key.text).status_code == 423
