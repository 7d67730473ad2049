"""The admin's configuration: its modules are imported by what serves or checks it, and not by every process.

They cost a consumer or a command a sixth of its start and what they import.
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
    """Django's check of the admin's classes, which knows only those that are imported; checks run in any order."""
    admin.autodiscover()
    return check_admin_app(**kwargs)
