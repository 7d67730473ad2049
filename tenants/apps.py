"""The control plane: which casinos exist, where their databases are, whose request this is."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers the system checks)
