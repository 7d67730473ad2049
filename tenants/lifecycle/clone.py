"""A second casino with a copy of everything that a first one has."""

from tenants.databases.locks import casino_lock
from tenants.errors import WrongState
from tenants.models import Casino, CasinoState

from .create import provision
from .states import Report, require_state, silent


def clone_casino(source: Casino, name: str, *, server: str | None = None, report: Report = silent) -> Casino:
    """A new casino `name` with `source`'s rows and configuration, as of now; `source` goes on working.

    Called again after it was interrupted, it finishes. Raises WrongState if the name is another casino's, CasinoBusy,
    ProvisioningFailed.
    """
    with casino_lock(source.pk):
        require_state(source, CasinoState.ACTIVE, CasinoState.SUSPENDED)
        casino, is_new = Casino.objects.living().get_or_create(name=name, defaults=_copied(source))
        if not is_new and casino.copied_from_id != source.pk:
            raise WrongState(f"There is a casino named {name!r} already, and it is no copy of {source}.")
        provision(casino, server=server, report=report)
    return casino


def _copied(source: Casino) -> dict[str, object]:
    fields = ("recommender_type", "recommendation_schema", "options", "timestamp")
    return {"copied_from": source, **{field: getattr(source, field) for field in fields}}
