"""API keys and staff bindings in the admin."""

from typing import Any, cast

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
from tenants.names import validate_name

from .theme import ModelAdmin


class _IssuingRequest(HttpRequest):
    """Carries the new key from `save_model` to `response_add`."""

    issued: IssuedKey


class ApiKeyForm(forms.ModelForm[ApiKey]):
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=[Scope.RECOMMEND], widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = ("casino", "name", "scopes", "expires_at")
        help_texts = {"name": "A name for the key.", "expires_at": "Empty: valid until revoked."}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        validate_name(name)
        return name


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin[ApiKey]):
    """Creates, rotates and revokes keys. A new key is shown once, on the response page, which is not stored."""

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
        """Keys can't be changed, only rotated or revoked."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tenants.delete_apikey")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        issued = issue_key(
            obj.casino, name=obj.name, scopes=obj.scopes, by=request.user.get_username(), expires_at=obj.expires_at
        )
        obj.pk, cast("_IssuingRequest", request).issued = issued.row.pk, issued

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._show_once(request, [cast("_IssuingRequest", request).issued])

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        with transaction.atomic():  # the expiry of the caches is waited for once, at the commit
            for key in queryset:
                revoke_key(key)
                self.log_change(request, key, "Revoked.")
        self.message_user(request, "Revoked. No process accepts these keys any more.", messages.SUCCESS)

    @admin.action(description="Rotate: create a new key and revoke the old one", permissions=["add"])
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
        """Show the key on this page, not in a message on the next one: messages are stored in a cookie."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "New API key", "issued": issued}
        response = TemplateResponse(request, "admin/tenants/apikey/issued.html", context)
        add_never_cache_headers(response)
        return response


@admin.register(StaffBinding)
class StaffBindingAdmin(ModelAdmin[StaffBinding]):
    """A login with a binding sees only its casinos; delete the binding to let it see all."""

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
