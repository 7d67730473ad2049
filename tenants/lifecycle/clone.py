"""Clones a casino: a new one with a copy of its rows and configuration."""

from tenants.databases.locks import casino_lock
from tenants.errors import WrongState
from tenants.models import Casino, CasinoState

from .create import provision
from .states import Report, require_state, silent


def clone_casino(source: Casino, name: str, *, server: str | None = None, report: Report = silent) -> Casino:
    """Create casino `name` with `source`'s current rows and configuration; `source` stays in service.

    A call after an interruption finishes the clone. Raises WrongState if the name is another casino's, CasinoBusy,
    ProvisioningFailed.
    """
    with casino_lock(source.pk):
        require_state(source, CasinoState.ACTIVE, CasinoState.SUSPENDED)
        casino, is_new = Casino.objects.living().get_or_create(name=name, defaults=_copied(source))
        if not is_new and casino.copied_from_id != source.pk:
            raise WrongState(f"A casino named {name!r} already exists and is not a copy of {source}.")
        provision(casino, server=server, report=report)
    return casino


def _copied(source: Casino) -> dict[str, object]:
    fields = ("recommender_type", "recommendation_schema", "options", "timestamp")
    return {"copied_from": source, **{field: getattr(source, field) for field in fields}}
