from collections.abc import Callable, Iterator

import pytest
from django.db import connections

from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.create import create_casino
from tenants.models import Casino
from tenants.tests.casinos import add_user, databases_on

RESTORED = "test_restored_catalogue"


@pytest.fixture
def gamma(real_databases: None) -> Casino:
    casino = create_casino("Gamma", server="main")
    add_user(casino, "Ada")
    return casino


@pytest.fixture
def delta(real_databases: None) -> Casino:
    casino = create_casino("Delta", server="main")
    add_user(casino, "Grace")
    return casino


@pytest.fixture
def lose_catalogue(real_databases: None) -> Iterator[Callable[[], None]]:
    """A function after which the catalogue is `RESTORED`, which does not exist."""
    connection = connections["default"]
    former = connection.settings_dict["NAME"]

    def _lose() -> None:
        connection.close()
        connection.settings_dict["NAME"] = RESTORED

    yield _lose
    connection.close()
    connection.settings_dict["NAME"] = former
    with server_cursor("postgres") as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted(RESTORED)} WITH (FORCE)")


@pytest.fixture
def lose_everything(lose_catalogue: Callable[[], None]) -> Callable[[], None]:
    """Like `lose_catalogue`, but also drops the casinos' databases on the server `main`."""

    def _lose() -> None:
        lose_catalogue()
        with server_cursor("postgres") as cursor:
            for name in databases_on():
                cursor.execute(f"DROP DATABASE {quoted(name)} WITH (FORCE)")

    return _lose
