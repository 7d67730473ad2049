"""`/`: the list of casinos, each with today's statistics from its own database."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.access import visible_casinos
from dashboard.casino_reader import Unavailable, read
from ingestion.status import statistics as messages
from ingestion.status.lag_cache import lag_cache
from recommendations.tallies import statistics
from tenants.models import Casino, CasinoState
from tenants.models.casino import CatalogueQuerySet
from tenants.numbers import parse_id

from .base import render_page

CASINOS_A_PAGE = 20
LAG_SECONDS = 1.0

_SLOW_SECONDS = 1.0  # a failed connection that takes longer marks its server as unreachable
_PAGE_SECONDS = 10.0  # after that, the remaining casinos are not queried

_NOT_QUERIED = Unavailable("Not queried: other databases took too long to respond.", is_outage=True)


@dataclass(frozen=True, slots=True)
class OverviewStatistics:
    totals: statistics.Totals
    today: messages.DayStatistics


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """A casino, with either its statistics or the reason why they are unavailable."""

    casino: Casino
    statistics: OverviewStatistics | None
    unavailable: Unavailable | None


@require_safe
def overview_page(request: HttpRequest) -> TemplateResponse:
    """The list of casinos. `?q=` filters by name or id, `?state=` by state."""
    search = request.GET.get("q", "").replace("\0", "").strip()[:100]  # PostgreSQL refuses text with a NUL
    state = request.GET.get("state", "")
    casinos = visible_casinos(request)
    states = casinos.order_by("state").values_list("state").annotate(Count("pk"))
    found = _filtered(casinos, search, state).select_related("server").order_by("name", "pk")
    shown = Paginator(found, CASINOS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": list(overview_rows(shown, timezone.now())),
        "shown": shown,
        "states": [(CasinoState(name).label, name, count) for name, count in states],
        "q": search,
        "state": state,
        "lags": lag_cache.get(wait=LAG_SECONDS) if request.user.has_perm("ingestion.view_messagecount") else [],
    }
    return render_page(request, "overview", "Casinos", context)


def overview_rows(casinos: Iterable[Casino], now: datetime) -> Iterator[OverviewRow]:
    """The rows of these casinos, queried one after another, so that a page uses one connection at a time.

    A server whose connection timed out is not tried again for this page; after `_PAGE_SECONDS` no server is.
    """
    started = time.monotonic()
    unreachable: set[str | None] = set()
    for casino in casinos:
        queried_at = time.monotonic()
        is_queried = casino.server_id not in unreachable and queried_at - started < _PAGE_SECONDS
        result = read(casino, lambda: _overview_statistics(now)) if is_queried else _NOT_QUERIED
        if isinstance(result, Unavailable):
            if result.is_unreachable and time.monotonic() - queried_at > _SLOW_SECONDS:
                unreachable.add(casino.server_id)
            yield OverviewRow(casino, None, result)
        else:
            yield OverviewRow(casino, result, None)


def _overview_statistics(now: datetime) -> OverviewStatistics:
    return OverviewStatistics(statistics.totals(now), messages.today(now))


def _filtered(casinos: CatalogueQuerySet, search: str, state: str) -> CatalogueQuerySet:
    if state in CasinoState.values:
        casinos = casinos.filter(state=state)
    if not search:
        return casinos
    return casinos.filter(Q(name__icontains=search) | Q(pk=parse_id(search)))
