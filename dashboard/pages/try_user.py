"""`/casinos/<id>/try/`: one user, and every recommender's slip side by side."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.casino_reader import Unavailable, read
from dashboard.trial import UserTrial, try_user
from recommendations.errors import UserNotFound
from recommendations.serving.preview import find_users
from tenants.ids import parse_id
from tenants.models import Casino

from .base import open_casino, page

USERS_SHOWN = 20


@require_safe
@permission_required(["recommendations.view_user", "recommendations.view_purchasedcoupon"], raise_exception=True)
def try_page(request: HttpRequest, casino_id: int) -> TemplateResponse:
    """`?q=` lists the users whose name or id it is, `?user=` tries one of them."""
    casino = open_casino(request, casino_id)
    wanted = request.GET.get("q", "").strip()
    user_id = parse_id(request.GET.get("user", "").strip())
    after = parse_id(request.GET.get("after", "").strip()) or 0
    answer: Any = read(casino, lambda: _ask(casino, wanted, after, user_id))
    if isinstance(answer, Unavailable):
        answer = {"away": answer}
    context = {"casino": casino, "q": wanted, "user_id": user_id, **answer}
    return page(request, "try", f"Try a user: {casino.name}", context)


def _ask(casino: Casino, wanted: str, after: int, user_id: int | None) -> dict[str, Any]:
    trial = None if user_id is None else _try(casino, user_id)
    if trial is not None:
        return {"trial": trial}
    users = find_users(wanted, after=after, limit=USERS_SHOWN + 1)
    is_more = len(users) > USERS_SHOWN
    return {"users": users[:USERS_SHOWN], "next_after": users[USERS_SHOWN - 1].pk if is_more else None}


def _try(casino: Casino, user_id: int) -> UserTrial | None:
    try:
        return try_user(casino, user_id, timezone.now())
    except UserNotFound:
        return None
