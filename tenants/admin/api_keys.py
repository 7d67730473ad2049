"""API keys, and which casinos a login is bound to, in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User as StaffUser
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from tenants.access.api_keys import IssuedKey, issue_key, revoke_key, rotate_key
from tenants.access.permissions import casinos_of
from tenants.errors import TenancyError
from tenants.models import ApiKey, Casino, Scope, StaffBinding
from tenants.models.casino import ENDED_STATES

from .theme import ModelAdmin


class ApiKeyForm(forms.ModelForm[ApiKey]):
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=[Scope.RECOMMEND], widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = ("casino", "name", "scopes", "expires_at")
        help_texts = {"name": "What the key is for.", "expires_at": "Empty: it is good until it is revoked."}


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin[ApiKey]):
    """Keys are made, rotated and revoked here, and shown once: on the page that answers, which nothing keeps."""

    form = ApiKeyForm
    list_display = (
        "prefix", "name", "casino", "scope_names", "state", "created_at", "created_by", "expires_at", "last_used_at"
    )  # fmt: skip
    list_select_related = ("casino",)
    search_fields = ("name", "=prefix", "casino__name", "=casino__id")
    ordering = ("-id",)
    actions = ("revoke", "rotate")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).filter(casino__in=casinos_of(request.user))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "casino":
            kwargs["queryset"] = casinos_of(request.user).exclude(state__in=ENDED_STATES).order_by("name", "id")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A key is not changed, it is rotated or revoked."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tenants.delete_apikey")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        issued = issue_key(
            obj.casino, name=obj.name, scopes=obj.scopes, by=request.user.get_username(), expires_at=obj.expires_at
        )
        obj.pk, request.issued = issued.row.pk, issued  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._show_once(request, [request.issued])  # type: ignore[attr-defined]

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        with transaction.atomic():  # and so one wait for all: most of them may be stolen
            for key in queryset:
                revoke_key(key)
                self.log_change(request, key, "Revoked.")
        self.message_user(request, "Revoked: no process takes these keys any more.", messages.SUCCESS)

    @admin.action(description="Rotate: another like it, and revoke it", permissions=["add"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        issued = []
        with transaction.atomic():
            for key in queryset:
                try:
                    issued.append(rotate_key(key, by=request.user.get_username()))
                except TenancyError as error:
                    self.message_user(request, str(error), messages.ERROR)
                else:
                    self.log_change(request, key, f"Rotated: {issued[-1].row.prefix}.")
        return self._show_once(request, issued) if issued else None

    @admin.display(description="scopes")
    def scope_names(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def _show_once(self, request: HttpRequest, issued: list[IssuedKey]) -> HttpResponse:
        """The page itself, and no message for the next one: those are kept in a cookie."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "New API key", "issued": issued}
        response = TemplateResponse(request, "admin/tenants/apikey/issued.html", context)
        add_never_cache_headers(response)
        return response


@admin.register(StaffBinding)
class StaffBindingAdmin(ModelAdmin[StaffBinding]):
    """A login that stands here acts for its casinos and learns of no others; to let it act for all, delete its row."""

    list_display = ("user", "casino_names")
    filter_horizontal = ("casinos",)
    search_fields = ("user__username",)
    ordering = ("user__username",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StaffBinding]:
        return super().get_queryset(request).select_related("user").prefetch_related("casinos")

    def get_readonly_fields(self, request: HttpRequest, obj: StaffBinding | None = None) -> tuple[str, ...]:
        return () if obj is None else ("user",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = StaffUser.objects.filter(is_staff=True, is_superuser=False).order_by("username")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = Casino.objects.living().order_by("name", "id")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description="casinos")
    def casino_names(self, binding: StaffBinding) -> str:
        return ", ".join(sorted(casino.name for casino in binding.casinos.all()))
