"""When a key ends, it ends everywhere."""

import pytest

from tenants.access.api_keys import revoke_key, rotate_key
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.suspend import suspend_casino
from tenants.tests.api_clients import ask, make_key


@pytest.fixture
def leased(real_databases, settings):
    """A key of a real casino, which this process has a lease on."""
    settings.RECSYS_OPEN_API, settings.CATALOGUE_LEASE_SECONDS = False, 0.3
    issued = make_key(create_casino("Gamma"))
    assert ask(issued.text).status_code == 400  # not configured yet
    return issued


@pytest.mark.parametrize("end", [revoke_key, lambda key: rotate_key(key, by="tests")])
def test_no_process_goes_by_an_old_lease_once_a_key_is_revoked_or_rotated(leased, end):
    end(leased.row)
    assert ask(leased.text).json()["code"] == "invalid_api_key"


def test_no_process_goes_by_an_old_lease_of_a_key_once_its_casino_is_suspended(leased):
    suspend_casino(leased.row.casino)
    assert ask(leased.text).status_code == 423
