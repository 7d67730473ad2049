"""The side bar of the dashboard and of the admin, and the static files that both share."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from tenants.http.request_state import request_state

from .access import may_configure, may_see_events, may_see_experiments, may_see_sales, may_see_users


@dataclass(frozen=True, slots=True)
class Link:
    """`icon`: a Material symbol. `permission`: one of Django's, or empty for all staff."""

    title: str
    icon: str
    url_name: str
    permission: str = ""


_DATA = tuple(
    Link(title, icon, f"admin:recommendations_{model}_changelist", f"recommendations.view_{model}")
    for title, icon, model in (
        ("Users", "group", "user"),
        ("Profiles", "person_search", "userprofile"),
        ("Events", "sports_soccer", "event"),
        ("Producers", "rss_feed", "producer"),
        ("Teams", "shield", "team"),
        ("Coupons", "receipt_long", "purchasedcoupon"),
        ("Recommendations", "recommend", "servedslip"),
    )
)
_MESSAGES = (
    Link("Dead letters", "unsubscribe", "admin:ingestion_deadletter_changelist", "ingestion.view_deadletter"),
    Link("Parked messages", "pause_circle", "parked", "ingestion.view_messagecount"),
    Link("Message counts", "bar_chart", "admin:ingestion_messagecount_changelist", "ingestion.view_messagecount"),
    Link("Stored offsets", "bookmark", "admin:ingestion_partitionoffset_changelist", "ingestion.view_partitionoffset"),
    Link("Uploads", "upload", "admin:ingestion_upload_changelist", "ingestion.view_upload"),
)
_INSTALLATION = (
    Link(
        "Unassigned dead letters",
        "unknown_document",
        "admin:tenants_unassigneddeadletter_changelist",
        "tenants.view_unassigneddeadletter",
    ),
    Link("Casino databases", "database", "admin:tenants_casino_changelist", "tenants.view_casino"),
    Link("API keys", "key", "admin:tenants_apikey_changelist", "tenants.view_apikey"),
    Link("Experiments", "science", "admin:tenants_experiment_changelist", "tenants.view_experiment"),
    Link("Database servers", "dns", "admin:tenants_databaseserver_changelist", "tenants.view_databaseserver"),
    Link("Migrations", "upgrade", "admin:tenants_migrationrun_changelist", "tenants.view_migrationrun"),
    Link("Staff", "badge", "admin:auth_user_changelist", "auth.view_user"),
    Link("Groups", "groups", "admin:auth_group_changelist", "auth.view_group"),
    Link("Staff access", "lock_person", "admin:tenants_staffbinding_changelist", "tenants.view_staffbinding"),
    Link("Privacy requests", "gavel", "admin:tenants_privacyrecord_changelist", "tenants.view_privacyrecord"),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links, without links that the caller may not open."""
    groups = [
        ("", [_item(request, "Casinos", "dashboard", reverse("start"), exactly=True)]),
        *_casino_group(request),
        ("Casino data", _items(request, _DATA)),
        ("Messages", _items(request, _MESSAGES)),
        ("Installation", _items(request, _INSTALLATION)),
    ]
    return [{"title": title, "separator": bool(title), "items": items} for title, items in groups if items]


def stylesheet(request: HttpRequest) -> str:
    return static("dashboard/dashboard.css")


def icon(request: HttpRequest) -> str:
    return static("dashboard/icon.svg")


def keyboard_script(request: HttpRequest) -> str:
    return static("dashboard/keyboard.js")


def _casino_group(request: HttpRequest) -> list[tuple[str, list[dict[str, Any]]]]:
    """The casino's own group, titled with its name: the groups below it lead to its rows."""
    casino = request_state(request).casino
    if casino is None:
        return []
    items = [_item(request, "Overview", "monitoring", reverse("casino", args=[casino.pk]), exactly=True)]
    if may_see_sales(request):
        items.append(_item(request, "Sales", "payments", reverse("sales_page", args=[casino.pk])))
    if may_see_experiments(request):
        items.append(_item(request, "Experiments", "labs", reverse("experiments_page", args=[casino.pk])))
    if may_see_users(request):
        items.append(_item(request, "Try a user", "science", reverse("try", args=[casino.pk])))
        items.append(_item(request, "Exposure", "health_and_safety", reverse("exposure", args=[casino.pk])))
    if may_see_events(request):
        items.append(_item(request, "Prices", "sell", reverse("prices", args=[casino.pk])))
    items.append(_item(request, "Feeds", "rss_feed", reverse("feeds", args=[casino.pk])))
    if may_configure(request):
        items.append(_item(request, "Configuration", "tune", reverse("configuration", args=[casino.pk])))
    return [(casino.name, items)]


def _items(request: HttpRequest, links: tuple[Link, ...]) -> list[dict[str, Any]]:
    allowed = (link for link in links if not link.permission or request.user.has_perm(link.permission))
    return [_item(request, link.title, link.icon, reverse(link.url_name)) for link in allowed]


def _item(request: HttpRequest, title: str, icon: str, url: str, *, exactly: bool = False) -> dict[str, Any]:
    is_active = request.path == url if exactly else request.path.startswith(url)
    return {"title": title, "icon": icon, "link": url, "active": is_active}
