"""`manage.py shell [--casino ID]`: Django's shell, with that casino current and in the variable `casino`."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser
from django.core.management.commands import shell

from tenants.management.cli.arguments import ready_casino
from tenants.models import Casino
from tenants.numbers import as_id
from tenants.routing.context import use_casino

LOGIN_NAME = "StaffUser"


class Command(shell.Command):
    """Django's shell without the automatic import of Django's login as `User`: everywhere else in this project, `User`
    is a casino's user, and an operator could count or delete the wrong ones."""

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

    def get_auto_imports(self) -> list[str]:
        login = get_user_model()
        return [path for path in super().get_auto_imports() or () if path != f"{login.__module__}.{login.__name__}"]

    def get_namespace(self, **options: Any) -> dict[str, Any]:
        namespace: dict[str, Any] = super().get_namespace(**options)
        if namespace:
            namespace[LOGIN_NAME] = get_user_model()
            if options.get("verbosity"):
                self.stdout.write(self._banner())
        return namespace if self._casino is None else {**namespace, "casino": self._casino}

    def _banner(self) -> str:
        rows = (
            f"the rows of {self._casino}"
            if self._casino
            else "no casino is current; start with --casino ID to use them"
        )
        return f"User, Event, PurchasedCoupon, ..: {rows}. {LOGIN_NAME}: a login of the staff, in the catalogue."
