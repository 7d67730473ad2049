"""Casinos in the admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from tenants.access.permissions import bound_casinos, casinos_of
from tenants.lifecycle.summaries import is_casino_behind
from tenants.models import Casino
from tenants.ttl_cache import wait_until_caches_expire

from .casino_actions import CasinoActions
from .forms import CasinoForm

LIMITS = ("request_rate", "request_bytes")


@admin.register(Casino)
class CasinoAdmin(CasinoActions):
    """Casinos with their configuration and state; adding one creates its database."""

    form = CasinoForm
    list_display = ("name", "id", "state", "server", "generation", "is_up_to_date", "recommender_type", "created_at")
    list_filter = ("state", "server", "recommender_type")
    list_select_related = ("server",)
    search_fields = ("name", "=id", "db_name")
    ordering = ("name", "id")
    readonly_fields: ClassVar[tuple[str, ...]] = (
        "state", "state_detail", "server", "db_name", "generation", "is_up_to_date", "schema_version", "identity",
        "copied_from", "recommender_type", "recommendation_schema", "options", "timestamp",
        "created_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Casino]:
        return super().get_queryset(request).filter(pk__in=casinos_of(request.user))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """A bound login must not learn of other casinos and logins by filters."""
        is_allowed = bound_casinos(request.user) is None or lookup.partition("__")[0] in ("state", "recommender_type")
        return is_allowed and super().lookup_allowed(lookup, value, request)

    def get_fields(self, request: HttpRequest, obj: Casino | None = None) -> Any:
        """Hide from a bound login the casino that this one was copied from."""
        shown = ("name",) if obj is None else ("name", *LIMITS, *self.readonly_fields)
        return shown if bound_casinos(request.user) is None else [name for name in shown if name != "copied_from"]

    def get_readonly_fields(self, request: HttpRequest, obj: Casino | None = None) -> Any:
        """Bound staff can't edit names, since a taken name reveals another casino, nor their casinos' limits."""
        return self.readonly_fields if bound_casinos(request.user) is None else ("name", *LIMITS, *self.readonly_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Casino | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Casino, form: ModelForm[Casino], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            wait_until_caches_expire()
        else:
            transaction.on_commit(lambda: self.finish_provisioning(request, Casino.objects.filter(pk=obj.pk)))

    @admin.display(description="up to date", boolean=True)
    def is_up_to_date(self, casino: Casino) -> bool | None:
        is_behind = is_casino_behind(casino)
        return None if is_behind is None else not is_behind
