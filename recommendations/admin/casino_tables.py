"""The tables of the selected casino in the admin, read-only: data is changed through Kafka."""

from urllib.parse import urlencode

from django.contrib import admin
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommendations.models import Event, PurchasedCoupon, ServedSlip, Team, User, UserProfile
from recommendations.models.event_names import event_name
from recommendations.text_ids import Kind, with_own_ids
from tenants.admin.casinos import CasinoAdmin
from tenants.errors import UnknownServer
from tenants.lifecycle.summaries import is_casino_behind
from tenants.models import Casino
from tenants.models.casino import READY_STATES
from tenants.numbers import counted
from tenants.routing.context import get_current_casino, use_casino

from .amounts import UserAmountsAdmin, in_currency
from .base_table import CasinoTableAdmin
from .filters import (
    CurrencyFilter,
    FavoriteSportFilter,
    GenderFilter,
    OpenFilter,
    RecommenderFilter,
    SportFilter,
    StatusFilter,
)
from .own_ids import user_link
from .prices import price_table
from .widgets import CappedPaginator, table

SELECTION_COLUMNS = ("sport", "country", "league", "home_team", "away_team", "odd")
SERVED_COLUMNS = ("event_id", "odd", "score")


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
        "timestamp", "status", "status_until", "birth_date", "shown_stake_limit", "shown_limit_left", "is_withheld",
        "personalisation", "related_pages",
    )  # fmt: skip

    @admin.display(description="stake limit")
    def shown_stake_limit(self, user: User) -> str:
        return in_currency(user.stake_limit, user.currency)

    @admin.display(description="limit left")
    def shown_limit_left(self, user: User) -> str:
        return in_currency(user.limit_left, user.currency)

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
    readonly_fields = ("prices",)

    @admin.display(description="prices of its markets")
    def prices(self, event: Event) -> SafeString:
        ladder = f"{reverse('prices', args=[get_current_casino().id])}?{urlencode({'event': event.own_id})}"
        return format_html(
            '{} <a class="rs-link" href="{}">why each is open or closed</a>', price_table(event.pk), ladder
        )


@admin.register(Team)
class TeamAdmin(CasinoTableAdmin):
    list_display = ("id", "name", "sport", "country", "category")
    list_filter = (SportFilter,)
    searched_texts = ("name",)
    ordering = ("name", "id")


@admin.register(UserProfile)
class UserProfileAdmin(UserAmountsAdmin):
    list_display = ("own_user_id", "coupon_count", "shown_stake_total", "purchases_at_last_update", "last_updated")
    searched_ids = {"user_id": Kind.USERS}
    ordering = ("user_id",)
    fields = (
        "own_user_id", "coupon_count", "shown_stake_total", "favorite_pairs", "purchases_at_last_update",
        "last_updated",
    )  # fmt: skip

    @admin.display(description="favourite sport and league, best first")
    def favorite_pairs(self, profile: UserProfile) -> str:
        pairs = profile.favorite_sport_league_json or []
        return (
            format_html("<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((_league_text(*pair),) for pair in pairs)))
            if pairs
            else "not computed yet"
        )


def _league_text(sport: str, league: str, country: str = "") -> str:
    """The text of a favourite pair. Profiles of earlier releases have no country."""
    return (f"{sport}: {league}" if league else sport) + (f" ({country})" if country else "")


@admin.register(PurchasedCoupon)
class PurchasedCouponAdmin(UserAmountsAdmin):
    kind_of_id = Kind.COUPONS
    list_display = ("own_id", "own_user_id", "timestamp", "shown_stake", "total_odds", "summary")
    searched_ids = {"id": Kind.COUPONS, "user_id": Kind.USERS}
    ordering = ("-timestamp", "-id")
    date_hierarchy = "timestamp"
    fields = ("own_id", "customer", "timestamp", "shown_stake", "total_odds", "selections")

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
    list_display = (
        "recommendation_id",
        "own_user_id",
        "timestamp",
        "recommender",
        "asked_for",
        "fallback",
        "shown_stake",
    )
    list_filter = (RecommenderFilter,)
    paginator = CappedPaginator
    searched_ids = {"user_id": Kind.USERS}
    ordering = ("-timestamp", "-id")
    fields = (
        "recommendation_id", "customer", "timestamp", "recommender", "asked_for", "fallback", "model_version",
        "shown_stake", "currency", "placement", "experiment", "variant", "refusal", "slip",
    )  # fmt: skip

    @admin.display(description="user")
    def customer(self, served: ServedSlip) -> SafeString:
        return user_link(served.own_user_id)

    @admin.display(description="stake", ordering="stake")
    def shown_stake(self, served: ServedSlip) -> str:
        return in_currency(served.stake, served.currency)

    @admin.display(description="events")
    def slip(self, served: ServedSlip) -> SafeString:
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
        event_text = f"{counted(events, 'event')} ({still_open:,} not begun)"
        return f"{counted(users, 'user')}, {event_text}, {counted(coupons, 'coupon')}"
