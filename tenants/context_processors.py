"""What the casino switcher, shown on every page, needs."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from .access import may_choose_casino
from .models import Casino

SWITCHER_LENGTH = 100


def casino_switcher(request: HttpRequest) -> dict[str, Any]:
    """`current_casino`, and `switcher_casinos`: those offered for choice, asked for only if a page shows them."""
    if not hasattr(request, "user") or not may_choose_casino(request):
        return {}
    return {
        "current_casino": getattr(request, "casino", None),
        "switcher_casinos": SimpleLazyObject(
            lambda: list(Casino.objects.active().order_by("name", "id")[:SWITCHER_LENGTH])
        ),
    }
