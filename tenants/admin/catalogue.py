"""Servers, migration runs and privacy records in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tenants.access.permissions import casinos_of
from tenants.current_casino import MAIN
from tenants.databases.servers import known_servers
from tenants.lifecycle.placement import ServerWithCount, servers_with_counts
from tenants.models import CasinoMigration, DatabaseServer, MigrationRun, PrivacyRecord

from .forms import DatabaseServerForm
from .theme import ModelAdmin, TabularInline


@admin.register(DatabaseServer)
class DatabaseServerAdmin(ModelAdmin[DatabaseServer]):
    """Servers of casinos' databases. Their addresses are in the environment, not here."""

    form = DatabaseServerForm
    list_display = ("name", "state", "capacity", "casinos_on_it", "has_address")
    list_filter = ("state",)
    fields = ("name", "capacity", "state")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServerWithCount]:
        return servers_with_counts()

    def get_fields(self, request: HttpRequest, obj: DatabaseServer | None = None) -> Any:
        return self.fields if obj is None else (*self.fields, "casinos_on_it", "has_address")

    def get_readonly_fields(self, request: HttpRequest, obj: DatabaseServer | None = None) -> Any:
        return () if obj is None else ("name", "casinos_on_it", "has_address")

    def has_delete_permission(self, request: HttpRequest, obj: DatabaseServer | None = None) -> bool:
        """The catalogue's own server can't be deleted."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.name != MAIN)

    @admin.display(description="casinos", ordering="casino_count")
    def casinos_on_it(self, server: ServerWithCount) -> SafeString:
        url = reverse("admin:tenants_casino_changelist")
        link = '<a href="{}?server__name__exact={}">{}</a>'
        return format_html(link, url, server.name, server.casino_count)

    @admin.display(description="address in the environment", boolean=True)
    def has_address(self, server: DatabaseServer) -> bool:
        return server.name in known_servers()


class ReadOnlyAdmin(admin.options.BaseModelAdmin[Any]):
    """Rows can be viewed only."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class CasinoMigrationInline(ReadOnlyAdmin, TabularInline[CasinoMigration, MigrationRun]):
    model = CasinoMigration
    ordering = ("outcome", "casino_id")
    extra = 0
    show_change_link = True


@admin.register(MigrationRun)
class MigrationRunAdmin(ReadOnlyAdmin, ModelAdmin[MigrationRun]):
    list_display = ("id", "started_at", "finished_at", "target", "up_to_date")
    ordering = ("-id",)
    inlines = (CasinoMigrationInline,)


@admin.register(CasinoMigration)
class CasinoMigrationAdmin(ReadOnlyAdmin, ModelAdmin[CasinoMigration]):
    list_display = ("id", "run", "casino", "outcome", "seconds", "error")
    list_display_links = ("id",)
    list_filter = ("outcome",)
    list_select_related = ("run", "casino")
    search_fields = ("casino__name", "=casino__id")
    ordering = ("-id",)


@admin.register(PrivacyRecord)
class PrivacyRecordAdmin(ReadOnlyAdmin, ModelAdmin[PrivacyRecord]):
    """The erasures and exports of users."""

    list_display = ("id", "casino_id", "user_id", "action", "asked_by", "asked_at", "done_at")
    list_filter = ("action",)
    search_fields = ("=user_id", "=casino_id", "asked_by")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PrivacyRecord]:
        return super().get_queryset(request).filter(casino_id__in=casinos_of(request.user).values("pk"))
