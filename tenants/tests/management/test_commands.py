from io import StringIO

from django.core.management import call_command
from django.db import connections


def _run(*arguments):
    """A command's standard output."""
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_create_catalogue_can_be_repeated(real_databases):
    name = connections["default"].settings_dict["NAME"]
    assert _run("create_catalogue") == _run("create_catalogue") == f"The catalogue {name} is ready.\n"
