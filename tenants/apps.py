"""The catalogue of casinos, their databases, and the casino of a request."""

from importlib import import_module

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        import_module("tenants.checks")  # registers the system checks
