"""The variables of the casino switcher, which is on every page."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tenants.access.permissions import casinos_of
from tenants.models import CasinoState

from .request_state import may_choose_casino, request_state

SWITCHER_LENGTH = 100


def casino_switcher(request: HttpRequest) -> dict[str, Any]:
    """`current_casino`, and the choices `switcher_casinos`, which are queried only if a page shows them."""
    if not hasattr(request, "user") or not may_choose_casino(request):
        return {}
    casinos = casinos_of(request.user).filter(state=CasinoState.ACTIVE).order_by("name", "id")
    return {
        "current_casino": request_state(request).casino,
        "switcher_casinos": SimpleLazyObject(lambda: list(casinos[:SWITCHER_LENGTH])),
    }
