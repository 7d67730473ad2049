"""`/casinos/<id>/`: one casino."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.casino import DAYS, casino_figures
from dashboard.casino_reader import Unavailable, read
from tenants.http.middleware import CHOSEN_CASINO

from .base import open_casino, page


@require_safe
def casino_page(request: HttpRequest, casino_id: int) -> TemplateResponse:
    casino = open_casino(request, casino_id)
    now = timezone.now()
    answer = read(casino, lambda: casino_figures(now))
    is_away = isinstance(answer, Unavailable)
    context = {
        "casino": casino,
        "figures": None if is_away else answer,
        "away": answer if is_away else None,
        "days": DAYS,
        "may_see_messages": request.user.has_perm("ingestion.view_messagecount"),
    }
    return page(request, "casino", casino.name, context)


@require_safe
def chosen_casino(request: HttpRequest) -> HttpResponse:
    """Where the switcher leads from a casino's page: to the page of the casino that was chosen there."""
    chosen = request.session.get(CHOSEN_CASINO)
    return HttpResponseRedirect(reverse("start") if chosen is None else reverse("casino", args=[chosen]))
