"""Suspends a casino, and resumes it. Its data stays; its messages are still stored."""

from tenants.databases.locks import casino_lock
from tenants.models import Casino, CasinoState
from tenants.ttl_cache import wait_until_caches_expire

from .databases import current_database, unfreeze
from .states import advance, require_state


def suspend_casino(casino: Casino, *, reason: str = "") -> None:
    """Suspend the casino: after the call, every request is rejected with 423. A second call only changes the reason.
    Raises WrongState."""
    with casino_lock(casino.pk):
        casino.refresh_from_db()
        if casino.state == CasinoState.SUSPENDED:
            Casino.objects.filter(pk=casino.pk).update(state_detail=reason)
            casino.refresh_from_db()
        else:
            require_state(casino, CasinoState.ACTIVE)
            advance(casino, CasinoState.SUSPENDED, detail=reason)
            wait_until_caches_expire()


def resume_casino(casino: Casino) -> None:
    """Serve the casino's requests again. Does nothing for an active casino. Raises WrongState."""
    with casino_lock(casino.pk):
        casino.refresh_from_db()
        if casino.state != CasinoState.ACTIVE:
            require_state(casino, CasinoState.SUSPENDED)
            unfreeze(current_database(casino))  # an interrupted move leaves it frozen
            advance(casino, CasinoState.ACTIVE)
