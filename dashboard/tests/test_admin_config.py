"""The admin's modules are imported by what serves or checks it only."""

import pytest

from tenants.tests.server_process import environment, needs_embedded, run_python, url_of_test_catalogue

pytestmark = [pytest.mark.slow, pytest.mark.no_cover, needs_embedded]

STARTED = """
import sys
import django
django.setup()
from django.core import checks
from django.core.management import load_command_class
"""
COMMANDS = """
for app, name in (
    ("demo", "demo"),
    ("ingestion", "consume_users"),
    ("ingestion", "create_topics"),
    ("ingestion", "dead_letters"),
    ("ingestion", "import"),
    ("ingestion", "ingestion_status"),
    ("ingestion", "produce_users"),
    ("ingestion", "run_maintenance"),
    ("recommendations", "configure"),
    ("tenants", "casino"),
    ("tenants", "migrate_casinos"),
):
    command = load_command_class(app, name)
    assert checks.run_checks(tags=command.requires_system_checks) == [], name
assert not {"dashboard.admin", "recsys_project.urls", "recommendations.api.views"} & set(sys.modules)
"""
CHECKS = """
from django.contrib.auth.admin import GroupAdmin
GroupAdmin.list_display = "id"
codes = [error.id for error in checks.run_checks(tags=[checks.Tags.admin])]
assert "admin.E107" in codes, codes
assert "dashboard.admin" in sys.modules
"""


def test_a_command_imports_no_pages_and_the_checks_import_the_admin(casino_a):
    run_python("-W", "ignore", "-c", STARTED + COMMANDS + CHECKS, env=environment(url_of_test_catalogue()))
