"""The tables of the selected casino in the admin, read-only: data is changed through Kafka."""

from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db import OperationalError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommendations.event_names import event_name
from recommendations.models import Event, PurchasedCoupon, ServedSlip, Team, User, UserProfile
from recommendations.validation.normal_form import name_form
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
from .widgets import CappedPaginator, table, user_link

SELECTION_COLUMNS = ("sport", "country", "league", "home_team", "away_team", "odd")
SERVED_COLUMNS = ("event_id", "odd", "score")


def _any(fields: tuple[str, ...], lookup: str, value: Any) -> Q:
    """A condition: at least one of these fields matches `value`."""
    return reduce(or_, (Q(**{f"{field}__{lookup}": value}) for field in fields))


class CasinoTableAdmin(ModelAdmin[Any]):
    """A read-only admin of the current casino's rows."""

    list_per_page = 50
    show_full_result_count = False
    searched_ids: tuple[str, ...] = ()
    searched_texts: tuple[str, ...] = ()

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.searched_ids, *self.searched_texts)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A number is searched in the ids, by index; of other text, each word must occur in one of the text fields."""
        if self.searched_ids and (number := parse_id(search_term)) is not None:
            return queryset.filter(_any(self.searched_ids, "exact", number)), False
        if search_term and not self.searched_texts:
            return queryset.none(), False
        words = (_any(self.searched_texts, "icontains", word) for word in name_form(search_term).split())
        return queryset.filter(*words), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(CasinoTableAdmin):
    list_display = (
        "id",
        "name",
        "surname",
        "country",
        "currency",
        "favorite_sport",
        "status",
        "is_withheld",
        "timestamp",
    )
    list_display_links = ("id", "name")
    list_filter = (FavoriteSportFilter, CurrencyFilter, GenderFilter)
    searched_ids = ("id",)
    searched_texts = ("name", "surname", "country")
    ordering = ("id",)
    fields = (
        "id", "name", "surname", "birth_year", "country", "currency", "gender", "favorite_sport", "favorite_league",
        "timestamp", "status", "status_until", "birth_date", "stake_limit", "limit_left", "is_withheld",
        "related_pages",
    )  # fmt: skip

    @admin.display(description="see also")
    def related_pages(self, user: User) -> SafeString:
        return format_html(
            '<span class="rs-links"><a href="{}">recommendation for this user</a> · '
            '<a href="{}?user_id={}">coupons</a> · '
            '<a href="{}?user_id={}">served recommendations</a> · <a href="{}?user_id={}">profile</a></span>',
            reverse("recommend", args=[user.pk]),
            reverse("admin:recommendations_purchasedcoupon_changelist"),
            user.pk,
            reverse("admin:recommendations_servedslip_changelist"),
            user.pk,
            reverse("admin:recommendations_userprofile_changelist"),
            user.pk,
        )


@admin.register(Event)
class EventAdmin(CasinoTableAdmin):
    list_display = (
        "id", "begin_timestamp", "sport", "country", "league", "home_team", "away_team", "odd", "status", "is_withheld",
    )  # fmt: skip
    list_filter = (OpenFilter, StatusFilter, "is_withheld", SportFilter)
    searched_ids = ("id",)
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
    list_display = ("user_id", "coupon_count", "stake_total", "purchases_at_last_update", "last_updated")
    searched_ids = ("user_id",)
    ordering = ("user_id",)
    fields = (
        "user_id", "coupon_count", "stake_total", "favorite_pairs", "purchases_at_last_update", "last_updated",
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
    list_display = ("id", "user_id", "timestamp", "stake", "total_odds", "summary")
    searched_ids = ("id", "user_id")
    ordering = ("-timestamp", "-id")
    date_hierarchy = "timestamp"
    fields = ("id", "customer", "timestamp", "stake", "total_odds", "selections")

    @admin.display(description="user")
    def customer(self, coupon: PurchasedCoupon) -> SafeString:
        return user_link(coupon.user_id)

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
    list_display = ("recommendation_id", "user_id", "timestamp", "recommender", "asked_for", "fallback", "stake")
    list_filter = (RecommenderFilter,)
    paginator = CappedPaginator
    searched_ids = ("user_id",)
    ordering = ("-timestamp", "-id")
    fields = (
        "recommendation_id", "customer", "timestamp", "recommender", "asked_for", "fallback", "model_version", "stake",
        "currency", "shown",
    )  # fmt: skip

    @admin.display(description="user")
    def customer(self, served: ServedSlip) -> SafeString:
        return user_link(served.user_id)

    @admin.display(description="events")
    def shown(self, served: ServedSlip) -> SafeString:
        return table(SERVED_COLUMNS, served.events)


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
