"""The admin's modules are imported by what serves or checks it only."""

import pytest

from tenants.tests.server_process import environment, needs_embedded, run_python, url_of_test_catalogue

pytestmark = [pytest.mark.slow, pytest.mark.no_cover, needs_embedded]

STARTED = """
import sys
from pathlib import Path
import django
django.setup()
from django.core import checks
from django.core.management import get_commands, load_command_class
"""
COMMANDS = """
own = {name: load_command_class(app, name) for name, app in get_commands().items() if Path(app).is_dir()}
assert {"consume_users", "demo", "fit_models", "for_casinos"} <= set(own)
for name, command in own.items():
    assert command.requires_system_checks in ([], [checks.Tags.models]), name
assert checks.run_checks(tags=[checks.Tags.models]) == []
assert not {"dashboard.admin", "recsys_project.urls", "recommendations.api.views"} & set(sys.modules)
"""
CHECKS = """
from django.contrib.auth.admin import GroupAdmin
GroupAdmin.list_display = "id"
codes = [error.id for error in checks.run_checks(tags=[checks.Tags.admin])]
assert "admin.E107" in codes, codes
assert "dashboard.admin" in sys.modules
"""


def test_no_command_imports_pages_and_the_checks_import_the_admin(casino_a):
    run_python("-W", "ignore", "-c", STARTED + COMMANDS + CHECKS, env=environment(url_of_test_catalogue()))
