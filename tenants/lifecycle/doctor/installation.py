"""Checks of the catalogue itself."""

from collections.abc import Callable, Iterator

from django.conf import settings

from tenants.databases import roles
from tenants.lifecycle.installation.restore import is_restore_unfinished
from tenants.lifecycle.states import Report

from .findings import Finding


def unfinished_restore() -> Iterator[Finding]:
    if is_restore_unfinished():
        yield Finding(
            code="unfinished_restore",
            problem="The restore of this installation was interrupted, or a casino failed in it.",
            advice="Run the same `manage.py casino restore --all FOLDER` again.",
        )


def catalogue_open_to_public() -> Iterator[Finding]:
    """Finds a catalogue to which every role can connect: a casino's role could hold its locks."""
    if settings.CASINO_ROLES and roles.is_catalogue_open():
        yield Finding(
            code="catalogue_open_to_public",
            problem="The catalogue accepts every role of its server, the casinos' roles included.",
            advice="Accept the service's own role only.",
            repair=_close,
        )


def _close(report: Report) -> None:
    report("closing the catalogue to other roles")
    roles.close_catalogue()


# Apps above this one append their own.
INSTALLATION_SYMPTOMS: list[Callable[[], Iterator[Finding]]] = [unfinished_restore, catalogue_open_to_public]
