import pytest
from django.db import connection, transaction

from tenants.databases.servers import database_exists, database_settings, known_servers, quoted, server_cursor
from tenants.errors import UnknownServer
from tenants.models import Casino

pytestmark = pytest.mark.usefixtures("real_databases")


def test_server_cursor_is_outside_the_callers_transaction():
    with transaction.atomic():
        Casino.objects.create(name="Rolled back")
        with server_cursor() as cursor:
            cursor.execute(
                "INSERT INTO casinos (name, identity, generation, schema_version, state, state_detail, created_at)"
                " VALUES ('Stays', gen_random_uuid(), 0, '', '', '', now())"
            )
        transaction.set_rollback(True)
    assert [casino.name for casino in Casino.objects.all()] == ["Stays"]


def test_server_cursor_opens_the_database_that_is_named():
    with server_cursor("postgres") as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("postgres",)
    with server_cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (connection.settings_dict["NAME"],)


def test_database_exists_after_its_creation():
    name = "test_casino_9999"
    with server_cursor() as cursor:
        assert not database_exists(cursor, name)
        cursor.execute(f"CREATE DATABASE {quoted(name)}")
        assert database_exists(cursor, name)


def test_quoting_keeps_case_and_dashes():
    assert quoted("Casino-9") == '"Casino-9"'


def test_server_without_an_address_is_refused_and_the_variable_is_named():
    with pytest.raises(UnknownServer, match=r"'west' has no address: set DATABASE_SERVER_WEST_URL\. .*: main"):
        database_settings("west", "any")


def _system_identifier(server):
    with server_cursor(server=server) as cursor:
        cursor.execute("SELECT system_identifier, current_database() FROM pg_control_system()")
        return cursor.fetchone()


def test_cursor_on_another_server_is_in_that_server(second_server):
    (main, _), (east, database) = _system_identifier("main"), _system_identifier("east")
    assert main != east
    assert database == "postgres"
    assert known_servers() == ["main", "east"]


def test_direct_address_defaults_to_the_first(settings):
    address = {"HOST": "east.example", "PORT": "6432", "USER": "recsys", "PASSWORD": "secret", "OPTIONS": {}}
    settings.DATABASE_SERVERS = {"east": {"requests": address}}
    assert database_settings("east", "any", direct=True)["HOST"] == "east.example"
    settings.DATABASE_SERVERS["east"]["direct"] = {**address, "PORT": "5432"}
    assert database_settings("east", "any")["PORT"] == "6432"
    assert database_settings("east", "any", direct=True)["PORT"] == "5432"
