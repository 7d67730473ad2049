"""The admin's configuration. Only processes that serve or check the admin import its modules.

Importing them would take a sixth of the start of a consumer or a command.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app
from django.core import checks


class OnDemandAdminConfig(SimpleAdminConfig):
    def ready(self) -> None:
        super().ready()
        checks.register(check_discovered_admin, checks.Tags.admin)


def check_discovered_admin(**kwargs: Any) -> list[checks.CheckMessage]:
    """Django's check of the admin's classes. It checks only imported classes, and checks run in any order: import
    all."""
    admin.autodiscover()
    return check_admin_app(**kwargs)
