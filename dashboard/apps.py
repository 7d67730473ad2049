"""The dashboard: pages for staff about all casinos and each casino."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
