"""Opens the casino of a dashboard page, and renders the page within the dashboard's frame."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from dashboard.access import (
    may_configure,
    may_see_events,
    may_see_experiments,
    may_see_sales,
    may_see_users,
    visible_casinos,
)
from tenants.http.middleware import CHOSEN_CASINO
from tenants.http.request_state import request_state
from tenants.models import Casino, CasinoState


def open_casino(request: HttpRequest, casino_id: int) -> Casino:
    """The page's casino. It becomes the session's chosen casino, so that the side bar's links lead to its rows.

    Raises Http404 if it does not exist or is not visible to the caller.
    """
    casino = get_object_or_404(visible_casinos(request), pk=casino_id)
    request_state(request).casino = casino
    if _is_intended(request):
        _choose(request, casino if casino.state in (CasinoState.ACTIVE, CasinoState.MOVING) else None)
    return casino


def _is_intended(request: HttpRequest) -> bool:
    """False for another site's link and for the browser's prefetch, which must not change the session's casino."""
    is_same_site = request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
    return is_same_site and not request.headers.get("Sec-Purpose", "").startswith("prefetch")


def _choose(request: HttpRequest, casino: Casino | None) -> None:
    """Choose the casino, or none: links below the name of an inactive one must not lead to another casino's rows."""
    if casino is None:
        request.session.pop(CHOSEN_CASINO, None)
    elif request.session.get(CHOSEN_CASINO) != casino.pk:
        request.session[CHOSEN_CASINO] = casino.pk


def render_page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    whole = {
        **admin.site.each_context(request),
        "title": title,
        "may_see_users": may_see_users(request),
        "may_see_events": may_see_events(request),
        "may_see_sales": may_see_sales(request),
        "may_see_experiments": may_see_experiments(request),
        "may_configure": may_configure(request),
        **context,
    }
    return TemplateResponse(request, f"dashboard/{template}.html", whole)
