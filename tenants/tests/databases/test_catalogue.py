"""The catalogue database: created, or reported as missing."""

import pytest
from django.core.management import CommandError
from django.db import connections

from tenants.databases.catalogue import advice_if_missing, ensure_catalogue
from tenants.databases.servers import quoted, server_cursor
from tenants.tests.commands import run

NAME = "test_no_catalogue"


@pytest.fixture
def no_catalogue(real_databases):
    connection = connections["default"]
    former = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = NAME
    yield
    connection.close()
    connection.settings_dict["NAME"] = former
    with server_cursor("postgres") as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted(NAME)} WITH (FORCE)")


@pytest.mark.parametrize("arguments", [("casino", "list"), ("api_key", "list"), ("database_server", "list")])
def test_commands_without_a_catalogue_say_how_to_create_it(no_catalogue, arguments):
    with pytest.raises(
        CommandError, match=rf"^The catalogue {NAME} does not exist: run `manage\.py create_catalogue`\.$"
    ):
        run(*arguments)


def test_empty_catalogue_is_reported_too(no_catalogue):
    with server_cursor("postgres") as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(NAME)}")
    with pytest.raises(CommandError, match=rf"^The catalogue {NAME} is empty: run `manage\.py create_catalogue`\.$"):
        run("casino", "list")


@pytest.mark.exhaustive
def test_nothing_is_said_of_a_catalogue_that_is_there_or_of_an_unavailable_server(no_catalogue, settings):
    ensure_catalogue()
    assert advice_if_missing() is None
    settings.DIRECT_DATABASE = {"HOST": "127.0.0.1", "PORT": "1"}
    assert advice_if_missing() is None
    settings.DIRECT_DATABASE = {}
