"""Django's PostgreSQL backend, which also starts the embedded server where that is the one to use."""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from tenants import embedded

from .client import DatabaseClient


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        if settings.EMBEDDED_POSTGRES_DIR:
            params["host"] = embedded.ensure_running(settings.EMBEDDED_POSTGRES_DIR)
        return params
