from shutil import which

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connections

from tenants.lifecycle.create import create_casino
from tenants.lifecycle.suspend import suspend_casino
from tenants.models import Casino

pytestmark = pytest.mark.skipif(
    not (django_settings.EMBEDDED_POSTGRES_DIR or which("psql")), reason="psql is not installed, and no server embedded"
)


def _shell(*arguments):
    call_command("dbshell", *arguments, "--", "-tAc", "SELECT current_database()")


def test_catalogue_is_opened_where_no_casino_is_named(db, capfd):
    _shell()
    assert capfd.readouterr().out.strip() == connections["default"].settings_dict["NAME"]


def test_casinos_database_is_opened(casino_b, capfd):
    _shell("--casino", "2")
    assert capfd.readouterr().out.strip() == casino_b.db_name


def test_database_that_was_never_used_before_is_opened_and_its_alias_forgotten(real_databases, capfd):
    gamma = create_casino("Gamma")
    before = set(getattr(connections.settings, "casino_databases", ()))
    _shell("--casino", str(gamma.pk))
    assert capfd.readouterr().out.strip() == gamma.db_name
    assert set(getattr(connections.settings, "casino_databases", ())) == before


def test_suspended_casinos_database_is_opened(real_databases, capfd):
    gamma = create_casino("Gamma")
    suspend_casino(gamma)
    _shell("--casino", str(gamma.pk))
    assert capfd.readouterr().out.strip() == gamma.db_name


def test_database_on_another_server_is_opened_past_its_pooler(second_server, capfd, settings):
    far = create_casino("Far", server="east")
    direct = settings.DATABASE_SERVERS["east"]["direct"]
    settings.DATABASE_SERVERS = {"east": {"requests": {**direct, "HOST": "/no/pooler/here"}, "direct": direct}}
    _shell("--casino", str(far.pk))
    assert capfd.readouterr().out.strip() == far.db_name


def test_arguments_after_two_dashes_are_passed_to_psql_and_its_status_is_kept(casino_b):
    with pytest.raises(CommandError, match="returned non-zero exit status 1"):
        call_command("dbshell", "--casino", "2", "--", "-c", "SELECT no_such_column")


@pytest.mark.parametrize("casino_id", ["3", "4", "0", "-1", str(2**64)])
def test_casino_that_is_unknown_or_has_no_database_is_refused(casino_b, casino_id):
    Casino.objects.create(id=3, name="Gamma")
    with pytest.raises(CommandError, match=f"No casino with a complete database has the id {casino_id};"):
        _shell("--casino", casino_id)
