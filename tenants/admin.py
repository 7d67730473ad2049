"""The catalogue in the admin."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from .errors import ProvisioningFailed
from .models import Casino
from .provisioning import provision


@admin.register(Casino)
class CasinoAdmin(admin.ModelAdmin[Casino]):
    """Casinos with their configuration and state; adding one makes its database."""

    list_display = ("name", "id", "state", "db_name", "recommender_type", "timestamp", "created_at")
    list_filter = ("state", "recommender_type")
    search_fields = ("name", "=id", "db_name")
    ordering = ("name", "id")
    actions = ("finish_provisioning",)
    readonly_fields: ClassVar[tuple[str, ...]] = (
        "state", "state_detail", "db_name", "recommender_type", "recommendation_schema", "timestamp", "created_at",
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Casino | None = None) -> Any:
        return ("name",) if obj is None else super().get_fields(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Casino | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Casino, form: ModelForm[Casino], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            transaction.on_commit(lambda: self._provision(request, obj))

    @admin.action(description="Finish making the database", permissions=["change"])
    def finish_provisioning(self, request: HttpRequest, queryset: QuerySet[Casino]) -> None:
        for casino in queryset:
            self._provision(request, casino)

    def _provision(self, request: HttpRequest, casino: Casino) -> None:
        try:
            provision(casino)
        except ProvisioningFailed as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{casino} is ready: database {casino.db_name}.")
