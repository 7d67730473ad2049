"""Staff permissions of the dashboard's pages."""

from django.http import HttpRequest

from tenants.access import permissions
from tenants.http.request_state import may_choose_casino
from tenants.models import Casino
from tenants.models.casino import CatalogueQuerySet

SALES = "recommendations.view_purchasedcoupon"
EXPERIMENTS = "tenants.view_experiment"


def visible_casinos(request: HttpRequest) -> CatalogueQuerySet:
    """The casinos that the caller may see, without deleted ones."""
    return permissions.casinos_of(request.user).living() if may_choose_casino(request) else Casino.objects.none()


def may_see_users(request: HttpRequest) -> bool:
    """Whether the caller may see names and coupons, which are personal data: the same permissions as in the admin."""
    return request.user.has_perms(["recommendations.view_user", "recommendations.view_purchasedcoupon"])


def may_see_events(request: HttpRequest) -> bool:
    return request.user.has_perm("recommendations.view_event")


def may_configure(request: HttpRequest) -> bool:
    return request.user.has_perm("tenants.change_casino")


def may_see_sales(request: HttpRequest) -> bool:
    """Whether the caller may see turnover, which comes from coupons: the same permission as in the admin."""
    return request.user.has_perm(SALES)


def may_see_experiments(request: HttpRequest) -> bool:
    return request.user.has_perm(EXPERIMENTS)
