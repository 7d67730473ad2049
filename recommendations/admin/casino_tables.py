"""The tables of the selected casino in the admin, read-only: data is changed through Kafka."""

from collections.abc import Mapping
from copy import copy
from functools import reduce
from operator import or_
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import OperationalError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommendations.event_names import event_name
from recommendations.models import Event, PurchasedCoupon, ServedSlip, Team, User, UserProfile
from recommendations.text_ids import Kind, with_own_ids, with_texts
from recommendations.validation.normal_form import name_form
from recommendations.validation.own_ids import OwnId
from tenants.admin.casinos import CasinoAdmin
from tenants.admin.theme import ModelAdmin
from tenants.errors import UnknownServer
from tenants.lifecycle.summaries import is_casino_behind
from tenants.models import Casino
from tenants.models.casino import READY_STATES
from tenants.numbers import parse_id
from tenants.routing.context import use_casino

from .filters import (
    CurrencyFilter,
    FavoriteSportFilter,
    GenderFilter,
    OpenFilter,
    RecommenderFilter,
    SportFilter,
    StatusFilter,
)
from .own_ids import OwnIdChangeList, matching_ids, stored_id, user_link
from .widgets import CappedPaginator, table

SELECTION_COLUMNS = ("sport", "country", "league", "home_team", "away_team", "odd")
SERVED_COLUMNS = ("event_id", "odd", "score")


def _any(fields: tuple[str, ...], lookup: str, value: Any) -> Q:
    """A condition: at least one of these fields matches `value`."""
    return reduce(or_, (Q(**{f"{field}__{lookup}": value}) for field in fields))


class CasinoTableAdmin(ModelAdmin[Any]):
    """A read-only admin of the current casino's rows."""

    list_per_page = 50
    show_full_result_count = False
    kind_of_id: Kind | None = None  # of ids that are the casino's own
    searched_ids: Mapping[str, Kind] = {}
    searched_texts: tuple[str, ...] = ()

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.searched_ids, *self.searched_texts)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_texts(super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **arguments: Any) -> type[ChangeList]:
        return OwnIdChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        stored = object_id if self.kind_of_id is None else str(stored_id(self.kind_of_id, object_id))
        return super().get_object(request, stored, from_field)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The page's links to itself have the casino's own id."""
        row = context.get("original")
        if self.kind_of_id is not None and row is not None:
            context["original"] = copy(row)
            context["original"].pk = row.own_id
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="id", ordering="pk")
    def own_id(self, row: Any) -> OwnId:
        own: OwnId = row.own_id
        return own

    @admin.display(description="user id", ordering="user_id")
    def own_user_id(self, row: Any) -> OwnId:
        own: OwnId = row.own_user_id
        return own

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A number is searched in the ids, by index; of other text, each word must occur in one of the text fields, or
        it is an id."""
        with_id = matching_ids(self.searched_ids, search_term)
        if with_id is not None and (parse_id(search_term) is not None or not self.searched_texts):
            return queryset.filter(with_id), False
        if search_term and not self.searched_texts:
            return queryset.none(), False
        words = [_any(self.searched_texts, "icontains", word) for word in name_form(search_term).split()]
        return queryset.filter(Q(*words) if with_id is None else Q(*words) | with_id), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(CasinoTableAdmin):
    kind_of_id = Kind.USERS
    list_display = (
        "own_id",
        "name",
        "surname",
        "country",
        "currency",
        "favorite_sport",
        "status",
        "is_withheld",
        "timestamp",
    )
    list_display_links = ("own_id", "name")
    list_filter = (FavoriteSportFilter, CurrencyFilter, GenderFilter)
    searched_ids = {"id": Kind.USERS}
    searched_texts = ("name", "surname", "country")
    ordering = ("id",)
    fields = (
        "own_id", "name", "surname", "birth_year", "country", "currency", "gender", "favorite_sport", "favorite_league",
        "timestamp", "status", "status_until", "birth_date", "stake_limit", "limit_left", "is_withheld",
        "related_pages",
    )  # fmt: skip

    @admin.display(description="see also")
    def related_pages(self, user: User) -> SafeString:
        return format_html(
            '<span class="rs-links"><a href="{}">recommendation for this user</a> · '
            '<a href="{}?{}">coupons</a> · '
            '<a href="{}?{}">served recommendations</a> · <a href="{}?{}">profile</a></span>',
            reverse("recommend", args=[user.own_id]),
            *(
                part
                for model in ("purchasedcoupon", "servedslip", "userprofile")
                for part in (reverse(f"admin:recommendations_{model}_changelist"), _query_of(user))
            ),
        )


def _query_of(user: User) -> str:
    return urlencode({"user_id": user.pk} if user.text_id is None else {"q": user.text_id})


@admin.register(Event)
class EventAdmin(CasinoTableAdmin):
    kind_of_id = Kind.EVENTS
    list_display = (
        "own_id", "begin_timestamp", "sport", "country", "league", "home_team", "away_team", "odd", "status",
        "is_withheld",
    )  # fmt: skip
    list_filter = (OpenFilter, StatusFilter, "is_withheld", SportFilter)
    searched_ids = {"id": Kind.EVENTS}
    searched_texts = ("home_team", "away_team", "league", "country")
    ordering = ("begin_timestamp", "id")


@admin.register(Team)
class TeamAdmin(CasinoTableAdmin):
    list_display = ("id", "name", "sport", "country", "category")
    list_filter = (SportFilter,)
    searched_texts = ("name",)
    ordering = ("name", "id")


@admin.register(UserProfile)
class UserProfileAdmin(CasinoTableAdmin):
    list_display = ("own_user_id", "coupon_count", "stake_total", "purchases_at_last_update", "last_updated")
    searched_ids = {"user_id": Kind.USERS}
    ordering = ("user_id",)
    fields = (
        "own_user_id", "coupon_count", "stake_total", "favorite_pairs", "purchases_at_last_update", "last_updated",
    )  # fmt: skip

    @admin.display(description="favourite sport and league, best first")
    def favorite_pairs(self, profile: UserProfile) -> str:
        pairs = profile.favorite_sport_league_json or []
        return (
            format_html("<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((_in_words(*pair),) for pair in pairs)))
            if pairs
            else "not computed yet"
        )


def _in_words(sport: str, league: str, country: str = "") -> str:
    """Earlier releases stored no country."""
    return (f"{sport}: {league}" if league else sport) + (f" ({country})" if country else "")


@admin.register(PurchasedCoupon)
class PurchasedCouponAdmin(CasinoTableAdmin):
    kind_of_id = Kind.COUPONS
    list_display = ("own_id", "own_user_id", "timestamp", "stake", "total_odds", "summary")
    searched_ids = {"id": Kind.COUPONS, "user_id": Kind.USERS}
    ordering = ("-timestamp", "-id")
    date_hierarchy = "timestamp"
    fields = ("own_id", "customer", "timestamp", "stake", "total_odds", "selections")

    @admin.display(description="user")
    def customer(self, coupon: PurchasedCoupon) -> SafeString:
        return user_link(coupon.own_user_id)

    @admin.display(description="total odds")
    def total_odds(self, coupon: PurchasedCoupon) -> str:
        total = 1.0
        for selection in coupon.recommended_events:
            total *= selection.get("odd") or 1.0
        return f"{total:.2f}"

    @admin.display(description="selections")
    def summary(self, coupon: PurchasedCoupon) -> str:
        teams = ((each.get("home_team") or "", each.get("away_team") or "") for each in coupon.recommended_events)
        return "; ".join(event_name(*each) for each in teams)

    @admin.display(description="selections")
    def selections(self, coupon: PurchasedCoupon) -> SafeString:
        return table(SELECTION_COLUMNS, coupon.recommended_events)


@admin.register(ServedSlip)
class ServedSlipAdmin(CasinoTableAdmin):
    list_display = ("recommendation_id", "own_user_id", "timestamp", "recommender", "asked_for", "fallback", "stake")
    list_filter = (RecommenderFilter,)
    paginator = CappedPaginator
    searched_ids = {"user_id": Kind.USERS}
    ordering = ("-timestamp", "-id")
    fields = (
        "recommendation_id", "customer", "timestamp", "recommender", "asked_for", "fallback", "model_version", "stake",
        "currency", "shown",
    )  # fmt: skip

    @admin.display(description="user")
    def customer(self, served: ServedSlip) -> SafeString:
        return user_link(served.own_user_id)

    @admin.display(description="events")
    def shown(self, served: ServedSlip) -> SafeString:
        return table(SERVED_COLUMNS, with_own_ids(served.events))


admin.site.unregister(Casino)


@admin.register(Casino)
class CasinoWithCountsAdmin(CasinoAdmin):
    """The casino admin with counts of the rows in the casino's database."""

    readonly_fields = (*CasinoAdmin.readonly_fields, "counts")

    @admin.display(description="rows")
    def counts(self, casino: Casino) -> str:
        if casino.state not in READY_STATES:
            return "no database yet"
        if is_casino_behind(casino):
            return "not available before it is migrated"
        try:
            return self._count(casino)
        except (OperationalError, UnknownServer):
            return "database unavailable"

    def _count(self, casino: Casino) -> str:
        with use_casino(casino.current, switch=True):
            users, events, coupons = User.objects.count(), Event.objects.count(), PurchasedCoupon.objects.count()
            still_open = Event.objects.filter(begin_timestamp__gt=timezone.now()).count()
        return f"{users:,} users, {events:,} events ({still_open:,} not begun), {coupons:,} coupons"
