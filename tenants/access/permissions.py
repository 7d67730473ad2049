"""Who may act for which casino. Every page, endpoint and list asks here."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from tenants.models import Casino, StaffBinding
from tenants.models.casino import CatalogueQuerySet

from .api_keys import shows_key

# What a bound login may be permitted in the catalogue; the rest of it is about all casinos.
_OF_ONE_CASINO = {
    "tenants.view_casino",
    "tenants.change_casino",
    "tenants.delete_casino",
    "tenants.view_apikey",
    "tenants.add_apikey",
    "tenants.change_apikey",
    "tenants.delete_apikey",
    "tenants.view_privacyrecord",
}


def may_choose_casino(request: HttpRequest) -> bool:
    """Staff choose among their casinos; everybody does where the installation is declared open. A request that shows
    an API key is the key's casino's, and has no choice."""
    return not shows_key(request) and (settings.RECSYS_OPEN_API or is_staff(request.user))


def may_act_for(request: HttpRequest, casino_id: int | None) -> bool:
    """Whether whoever asks without an API key may act for this casino, be there one or not."""
    bound = bound_casinos(request.user)
    return may_choose_casino(request) if bound is None else casino_id in bound and is_staff(request.user)


def casinos_of(user: Any) -> CatalogueQuerySet:
    """The casinos that a login may know of."""
    bound = bound_casinos(user)
    every = Casino.objects.all()
    return every if bound is None else every.filter(pk__in=bound)


def may_see(user: Any, casino_id: int | None) -> bool:
    """Whether a login may see what is this casino's, or, if it is None, what is perhaps any casino's."""
    bound = bound_casinos(user)
    return bound is None or casino_id in bound


def bound_casinos(user: Any) -> frozenset[int] | None:
    """The ids of the casinos that a login is bound to; None for one that is not bound. One query for each object."""
    if user.pk is None or user.is_superuser:
        return None
    if not hasattr(user, "_bound_casinos"):
        rows = list(StaffBinding.objects.filter(pk=user.pk).values_list("casinos", flat=True))
        user._bound_casinos = frozenset(filter(None, rows)) if rows else None
    return user._bound_casinos  # type: ignore[no-any-return]


def asker(request: HttpRequest) -> str:
    """Who asks, for a log: a key by its prefix, or a login by its name."""
    if (key := getattr(request, "api_key", None)) is not None:
        return f"API key {key.prefix}"
    return f"login {request.user.get_username()}" if request.user.is_authenticated else "anyone (open installation)"


def is_staff(user: Any) -> bool:
    return bool(user.is_active and user.is_staff)


class StaffBackend(ModelBackend):
    """Django's own logins and permissions, but that a bound login has none for what is about all casinos."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        permissions: set[str] = super().get_all_permissions(user_obj, obj)
        if not permissions or bound_casinos(user_obj) is None:
            return permissions
        return {
            each for each in permissions if each.partition(".")[0] in settings.CASINO_APPS or each in _OF_ONE_CASINO
        }
