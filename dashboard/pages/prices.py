"""`/casinos/<id>/prices/`: events with markets, and the prices of one of them with their refusals."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.casino_reader import Unavailable, read
from recommendations.errors import EventNotFound
from recommendations.serving.ladder import Ladder, LadderLine, read_ladder
from recommendations.serving.options import load_options
from recommendations.serving.priced_events import find_priced_events
from recommendations.validation.normal_form import upper_form
from recommendations.validation.own_ids import OwnId, parse_own_id
from tenants.models import Casino
from tenants.numbers import parse_id

from .base import open_casino, render_page

EVENTS_A_PAGE = 20
LINES_A_PAGE = 50
NAMES = 200  # of markets in the selection list
_MOST_PAGES = 100


@require_safe
@permission_required("recommendations.view_event", raise_exception=True)
def prices_page(request: HttpRequest, casino_id: int) -> TemplateResponse:
    """`?q=` lists events by id, team or league. `?event=` shows the ladder of one event, which `?market=` and `?code=`
    filter."""
    casino = open_casino(request, casino_id)
    search = request.GET.get("q", "").strip()[:100]
    event_id = parse_own_id(request.GET.get("event", "").strip())
    result: Any = read(casino, lambda: _ladder_or_events(casino, request, search, event_id))
    if isinstance(result, Unavailable):
        result = {"unavailable": result}
    context = {"casino": casino, "q": search, "event_id": event_id, **result}
    return render_page(request, "prices", f"Prices: {casino.name}", context)


def _ladder_or_events(casino: Casino, request: HttpRequest, search: str, event_id: OwnId | None) -> dict[str, Any]:
    if event_id is not None:
        try:
            return _ladder(request, read_ladder(event_id, timezone.now(), load_options(casino.options)))
        except EventNotFound:
            pass  # the page shows "no such event" above the list of events
    page = min(parse_id(request.GET.get("page", "")) or 1, _MOST_PAGES)
    skip = (page - 1) * EVENTS_A_PAGE
    events = find_priced_events(search, timezone.now(), skip=skip, limit=EVENTS_A_PAGE + 1)
    has_more = len(events) > EVENTS_A_PAGE and page < _MOST_PAGES
    return {"events": events[:EVENTS_A_PAGE], "next_page": page + 1 if has_more else None, "previous_page": page - 1}


def _ladder(request: HttpRequest, ladder: Ladder) -> dict[str, Any]:
    market, code = upper_form(request.GET.get("market", ""))[:100].strip(), request.GET.get("code", "")
    code = code if code in ladder.counts else ""
    lines = [each for each in ladder.lines if _is_shown(each, market, code)]
    shown = Paginator(lines, LINES_A_PAGE).get_page(request.GET.get("page"))
    return {
        "ladder": ladder,
        "counts": ladder.counts.most_common(),
        "names": list(dict.fromkeys(each.market for each in ladder.lines))[:NAMES],
        "market": market,
        "code": code,
        "shown": shown,
    }


def _is_shown(line: LadderLine, market: str, code: str) -> bool:
    return market in line.market and (not code or code in line.codes)
