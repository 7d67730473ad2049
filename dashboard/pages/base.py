"""What every page of the dashboard shares: which casino it is of, and what surrounds its content."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from dashboard.access import casinos_of, may_configure, may_see_users
from tenants.http.middleware import CHOSEN_CASINO
from tenants.models import Casino, CasinoState


def open_casino(request: HttpRequest, casino_id: int) -> Casino:
    """The casino that a page is of. It becomes the one that this person works with, so that the side bar's links lead
    to its rows. Raises Http404, also for one that whoever asks may not see."""
    casino = get_object_or_404(casinos_of(request), pk=casino_id)
    request.casino = casino  # type: ignore[attr-defined]
    if _is_meant(request):
        _choose(request, casino if casino.state in (CasinoState.ACTIVE, CasinoState.MOVING) else None)
    return casino


def _is_meant(request: HttpRequest) -> bool:
    """Whether it was this person who opened the page: neither another site's link nor a look ahead of the browser's
    may change what the person's other pages work on."""
    is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
    return is_ours and not request.headers.get("Sec-Purpose", "").startswith("prefetch")


def _choose(request: HttpRequest, casino: Casino | None) -> None:
    """None: no casino, so that links below the name of one that is not served don't lead to another's rows."""
    if casino is None:
        request.session.pop(CHOSEN_CASINO, None)
    elif request.session.get(CHOSEN_CASINO) != casino.pk:
        request.session[CHOSEN_CASINO] = casino.pk


def page(
    request: HttpRequest, template: str, title: str, context: dict[str, Any], *, status: int = 200
) -> TemplateResponse:
    whole = {
        **admin.site.each_context(request),
        "title": title,
        "may_see_users": may_see_users(request),
        "may_configure": may_configure(request),
        **context,
    }
    return TemplateResponse(request, f"dashboard/{template}.html", whole, status=status)
