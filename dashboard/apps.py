"""The operator's view: what staff see of all casinos, and what they do to one."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
