"""Takes a casino out of service for a while, and back. Its data stays; messages for it are still stored."""

from tenants.databases.locks import casino_lock
from tenants.models import Casino, CasinoState
from tenants.ttl_cache import wait_until_caches_expire

from .databases import current_database, unfreeze
from .states import advance, require_state


def suspend_casino(casino: Casino, *, reason: str = "") -> None:
    """When this is done, its requests are answered 423. To suspend it again only changes the reason. Raises
    WrongState."""
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
    """Its requests are answered again; an active casino is left as it is. Raises WrongState."""
    with casino_lock(casino.pk):
        casino.refresh_from_db()
        if casino.state != CasinoState.ACTIVE:
            require_state(casino, CasinoState.SUSPENDED)
            unfreeze(current_database(casino))  # a move that was interrupted leaves it so
            advance(casino, CasinoState.ACTIVE)
