"""`/`: all casinos at a glance."""

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.access import casinos_of
from dashboard.overview import rows
from ingestion.status.lag_cache import recent_lag
from tenants.ids import parse_id
from tenants.models import CasinoState
from tenants.models.casino import CatalogueQuerySet

from .base import page

CASINOS_A_PAGE = 20
LAG_SECONDS = 1.0


@require_safe
def overview_page(request: HttpRequest) -> TemplateResponse:
    wanted = request.GET.get("q", "").replace("\0", "").strip()[:100]  # PostgreSQL refuses text with a NUL
    state = request.GET.get("state", "")
    casinos = casinos_of(request)
    states = casinos.order_by("state").values_list("state").annotate(Count("pk"))
    chosen = _searched(casinos, wanted, state).select_related("server").order_by("name", "pk")
    shown = Paginator(chosen, CASINOS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": list(rows(shown, timezone.now())),
        "shown": shown,
        "states": [(CasinoState(name).label, name, count) for name, count in states],
        "q": wanted,
        "state": state,
        "lags": recent_lag.get(wait=LAG_SECONDS) if request.user.has_perm("ingestion.view_messagecount") else [],
    }
    return page(request, "overview", "Casinos", context)


def _searched(casinos: CatalogueQuerySet, wanted: str, state: str) -> CatalogueQuerySet:
    if state in CasinoState.values:
        casinos = casinos.filter(state=state)
    if not wanted:
        return casinos
    return casinos.filter(Q(name__icontains=wanted) | Q(pk=parse_id(wanted)))
