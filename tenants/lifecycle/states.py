"""The state machine of a casino."""

from collections.abc import Callable
from typing import Any

from tenants.errors import WrongState
from tenants.models import Casino, CasinoState
from tenants.models.casino import READY_STATES

Report = Callable[[str], None]

_NEXT: dict[CasinoState, set[CasinoState]] = {
    CasinoState.REQUESTED: {CasinoState.CREATING, CasinoState.FAILED, CasinoState.DELETING},
    CasinoState.CREATING: {CasinoState.CREATING, CasinoState.ACTIVE, CasinoState.FAILED, CasinoState.DELETING},
    CasinoState.FAILED: {CasinoState.CREATING, CasinoState.FAILED, CasinoState.DELETING},
    CasinoState.ACTIVE: {CasinoState.SUSPENDED, CasinoState.MOVING, CasinoState.DELETING},
    CasinoState.SUSPENDED: {CasinoState.ACTIVE, CasinoState.DELETING},
    CasinoState.MOVING: {CasinoState.ACTIVE, CasinoState.DELETING},
    # READY_STATES if the last backup fails
    CasinoState.DELETING: {CasinoState.DELETING, CasinoState.DELETED, *READY_STATES},
    CasinoState.DELETED: {CasinoState.ACTIVE},  # restored
}


def silent(step: str) -> None:
    """A `Report` that does nothing."""


def advance(casino: Casino, state: CasinoState, *, detail: str = "", **changes: Any) -> None:
    """Change a casino's state, and other columns with it. Raises WrongState if the state in the catalogue does not
    allow the change."""
    befores = [before for before, nexts in _NEXT.items() if state in nexts]
    fields = {"state": state, "state_detail": detail, **changes}
    if not Casino.objects.filter(pk=casino.pk, state__in=befores).update(**fields):
        casino.refresh_from_db()
        raise WrongState(f"{casino} is {casino.state}; only a casino that is {_listed(befores)} can become {state}.")
    casino.refresh_from_db()


def require_state(casino: Casino, *states: CasinoState) -> None:
    """Read the casino again; raises WrongState unless it is in one of these states."""
    casino.refresh_from_db()
    if casino.state not in states:
        raise WrongState(f"{casino} is {casino.state}; it must be {_listed(states)}.")


def _listed(states: Any) -> str:
    names = [str(state) for state in states] or ["nothing"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
