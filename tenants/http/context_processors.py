"""What the casino switcher, shown on every page, needs."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tenants.access.permissions import casinos_of, may_choose_casino
from tenants.models import Casino, CasinoState

SWITCHER_LENGTH = 100


def casino_switcher(request: HttpRequest) -> dict[str, Any]:
    """`current_casino`, and `switcher_casinos`: those offered for choice, asked for only if a page shows them."""
    if not hasattr(request, "user") or not may_choose_casino(request):
        return {}
    return {
        "current_casino": getattr(request, "casino", None),
        "switcher_casinos": SimpleLazyObject(
            lambda: list(_active_casinos(request).order_by("name", "id")[:SWITCHER_LENGTH])
        ),
    }


def _active_casinos(request: HttpRequest) -> QuerySet[Casino]:
    return casinos_of(request.user).filter(state=CasinoState.ACTIVE)
