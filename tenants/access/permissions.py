"""The permissions of logins: the casinos that each may see and act for. All pages, endpoints and lists use these
checks."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.views.decorators.debug import sensitive_variables

from tenants.models import Casino, StaffBinding
from tenants.models.casino import CatalogueQuerySet

from .login_limits import client_address, login_limiter

# The catalogue permissions that a bound login may have. The other tables concern all casinos.
_ABOUT_ONE_CASINO = {
    "tenants.view_casino",
    "tenants.change_casino",
    "tenants.delete_casino",
    "tenants.view_apikey",
    "tenants.add_apikey",
    "tenants.change_apikey",
    "tenants.delete_apikey",
    "tenants.view_privacyrecord",
    "tenants.view_experiment",
}


def may_act_for(user: Any, casino_id: int) -> bool:
    """Whether a login, or an anonymous caller, may act for the casino with this id. The casino need not exist."""
    bound = bound_casinos(user)
    if bound is None:
        return settings.RECSYS_OPEN_API or is_staff(user)
    return casino_id in bound and is_staff(user)


def casinos_of(user: Any) -> CatalogueQuerySet:
    """The casinos that a login may see."""
    bound = bound_casinos(user)
    every = Casino.objects.all()
    return every if bound is None else every.filter(pk__in=bound)


def may_see(user: Any, casino_id: int | None) -> bool:
    """Whether a login may see rows of this casino; None stands for rows whose casino is unknown."""
    bound = bound_casinos(user)
    return bound is None or casino_id in bound


def bound_casinos(user: Any) -> frozenset[int] | None:
    """The ids of the casinos that a login is bound to; None for an unbound one. One query for each user object."""
    if user.pk is None or user.is_superuser:
        return None
    if not hasattr(user, "_bound_casinos"):
        rows = list(StaffBinding.objects.filter(pk=user.pk).values_list("casinos", flat=True))
        user._bound_casinos = frozenset(filter(None, rows)) if rows else None
    bound: frozenset[int] | None = user._bound_casinos
    return bound


def is_staff(user: Any) -> bool:
    return bool(user.is_active and user.is_staff)


class StaffBackend(ModelBackend):
    """Django's backend, which also limits wrong passwords of requests, and gives a bound login no permission for tables
    that concern all casinos."""

    @sensitive_variables()
    def authenticate(self, request: Any, username: str | None = None, password: str | None = None, **more: Any) -> Any:
        """Django's, within the limits of wrong passwords. Raises LoginsLimited."""
        if request is None or username is None:  # a command or a test
            return super().authenticate(request, username, password, **more)
        with login_limiter.checking(username, client_address(request.META)) as attempt:
            user = super().authenticate(request, username, password, **more)
            attempt.is_valid = user is not None
            return user

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        permissions: set[str] = super().get_all_permissions(user_obj, obj)
        if not permissions or bound_casinos(user_obj) is None:
            return permissions
        return {
            each for each in permissions if each.partition(".")[0] in settings.CASINO_APPS or each in _ABOUT_ONE_CASINO
        }
