"""The catalogue of casinos, their databases, and the casino of a request."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from . import checks  # noqa: F401  # registers the system checks
