"""`manage.py shell [--casino ID]`: Django's shell, with that casino current and in the variable `casino`."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import shell

from tenants.management.cli.arguments import ready_casino
from tenants.models import Casino
from tenants.numbers import as_id
from tenants.routing.context import use_casino


class Command(shell.Command):
    _casino: Casino | None = None

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--casino", type=as_id, metavar="ID", help="make this casino current, as variable `casino`")

    def handle(self, **options: Any) -> None:
        casino_id = options.pop("casino")
        if casino_id is None:
            super().handle(**options)
            return
        self._casino = ready_casino(casino_id)
        with use_casino(self._casino.current, switch=True):
            super().handle(**options)

    def get_namespace(self, **options: Any) -> dict[str, Any]:
        namespace: dict[str, Any] = super().get_namespace(**options)
        return namespace if self._casino is None else {**namespace, "casino": self._casino}
