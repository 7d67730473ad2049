"""`/casinos/<id>/try/`: a preview of every recommender's slip for one user."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.casino_reader import Unavailable, read
from recommendations.errors import UserNotFound
from recommendations.models import PurchasedCoupon, User, UserProfile
from recommendations.serving.explanation import NOT_PERSONAL
from recommendations.serving.options import load_options
from recommendations.serving.preview import Favourite, find_user_id, find_users, latest_coupons, preview_recommenders
from recommendations.serving.recommendation import Recommendation
from recommendations.validation.own_ids import OwnId, parse_own_id
from tenants.models import Casino

from .base import open_casino, render_page

USERS_A_PAGE = 20
_COUPONS = 5
_REFUSALS = {
    "self_excluded": "is self-excluded",
    "time_out": "has a time-out",
    "closed": "has a closed account",
    "under_age": "is or may be under age",
    "age_unknown": "is of unknown age",
    "limit_reached": "has reached a limit",
    "currency_not_offered": "has a currency that the casino's catalogue does not offer",
    "country_not_offered": "is of a country that the casino's catalogue does not offer",
    "withheld": "is withheld: the latest message about this user was unreadable",
}


@dataclass(frozen=True, slots=True)
class RecommenderSlip:
    """A recommender's recommendation. `is_configured`: it is the casino's own recommender."""

    name: str
    recommendation: Recommendation
    is_configured: bool


@dataclass(frozen=True, slots=True)
class UserPreview:
    """`refusal`: the reason why no bets are recommended to the user, or empty. `closed_feeds`: (producer, reason).
    `not_personal`: the explanation for a user who does not allow personalisation, or empty."""

    user: User
    profile: UserProfile | None
    favourites: tuple[Favourite, ...]
    coupons: list[PurchasedCoupon]
    slips: list[RecommenderSlip]
    refusal: str
    closed_feeds: tuple[tuple[str, str], ...]
    not_personal: str


@require_safe
@permission_required(["recommendations.view_user", "recommendations.view_purchasedcoupon"], raise_exception=True)
def try_page(request: HttpRequest, casino_id: int) -> TemplateResponse:
    """`?q=` lists users by name or id, `?user=` previews one of them."""
    casino = open_casino(request, casino_id)
    search = request.GET.get("q", "").strip()
    user_id = parse_own_id(request.GET.get("user", "").strip())
    after = request.GET.get("after", "").strip()
    result: Any = read(casino, lambda: _preview_or_users(casino, search, after, user_id))
    if isinstance(result, Unavailable):
        result = {"unavailable": result}
    context = {"casino": casino, "q": search, "user_id": user_id, **result}
    return render_page(request, "try", f"Try a user: {casino.name}", context)


def _preview_or_users(casino: Casino, search: str, after: str, user_id: OwnId | None) -> dict[str, Any]:
    if user_id is not None:
        try:
            return {"preview": _preview_user(casino, user_id, timezone.now())}
        except UserNotFound:
            pass  # the page shows "no such user" above the list of users
    users = find_users(search, after=(find_user_id(after) if after else None) or 0, limit=USERS_A_PAGE + 1)
    has_more = len(users) > USERS_A_PAGE
    return {"users": users[:USERS_A_PAGE], "next_after": users[USERS_A_PAGE - 1].own_id if has_more else None}


def _preview_user(casino: Casino, user_id: OwnId, now: datetime) -> UserPreview:
    """The preview, the configured recommender's slip first. Raises UserNotFound."""
    found = preview_recommenders(casino_id=casino.pk, user_id=user_id, now=now, options=load_options(casino.options))
    user = User.objects.select_related("profile").filter(pk=found.user_id).first()
    if user is None:  # deleted since the query above
        raise UserNotFound("User not found")
    user.text_id = user_id if isinstance(user_id, str) else None
    slips = [RecommenderSlip(name, slip, name == casino.recommender_type) for name, slip in found.slips.items()]
    code = slips[0].recommendation.refusal
    return UserPreview(
        user=user,
        profile=getattr(user, "profile", None),
        favourites=found.favourites,
        coupons=latest_coupons(found.user_id, limit=_COUPONS),
        slips=sorted(slips, key=lambda slip: not slip.is_configured),
        refusal=_REFUSALS.get(code, code),
        closed_feeds=found.closed_feeds,
        not_personal="" if found.personalisation else NOT_PERSONAL,
    )
