"""`manage.py dbshell` for the embedded server: its own psql, on its own socket."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import client

from tenants import embedded


class DatabaseClient(client.DatabaseClient):
    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        if not settings.EMBEDDED_POSTGRES_DIR:
            return super().settings_to_cmd_args_env(settings_dict, parameters)
        host = embedded.ensure_running(settings.EMBEDDED_POSTGRES_DIR)
        args, env = super().settings_to_cmd_args_env({**settings_dict, "HOST": host}, parameters)
        return [str(embedded.psql_path()), *args[1:]], env
