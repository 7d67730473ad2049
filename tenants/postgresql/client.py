"""`manage.py dbshell` with the embedded server's psql, or the one in `POSTGRES_BIN_DIR`."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import client

from . import embedded
from .tools import tool_path


class DatabaseClient(client.DatabaseClient):
    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        if settings.EMBEDDED_POSTGRES_DIR and not settings_dict["HOST"]:
            settings_dict = {**settings_dict, "HOST": embedded.ensure_chosen_running(settings.EMBEDDED_POSTGRES_DIR)}
        args, env = super().settings_to_cmd_args_env(settings_dict, parameters)
        return [tool_path("psql"), *args[1:]], env
