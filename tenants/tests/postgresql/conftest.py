"""Two casinos with real databases, and an empty connection pool."""

from collections.abc import Iterator

import pytest

from tenants.current_casino import CurrentCasino
from tenants.lifecycle.create import store_casinos
from tenants.postgresql.pool import POOL
from tenants.routing.connections import connection_metrics


@pytest.fixture
def gamma(real_databases: None) -> CurrentCasino:
    return store_casinos(["Gamma"])[0].current


@pytest.fixture
def delta(real_databases: None) -> CurrentCasino:
    return store_casinos(["Delta"])[0].current


@pytest.fixture
def empty_pool(real_databases: None) -> Iterator[None]:
    POOL.close_idle()
    assert connection_metrics().open == 0
    yield
    assert connection_metrics().in_use == 0
