"""Which casinos' pages a member of staff may open. Every page of the dashboard asks here."""

from django.http import HttpRequest

from tenants.access import permissions
from tenants.models import Casino
from tenants.models.casino import CatalogueQuerySet


def casinos_of(request: HttpRequest) -> CatalogueQuerySet:
    """The casinos that whoever asks may see; deleted ones are nobody's."""
    return (
        permissions.casinos_of(request.user).living()
        if permissions.may_choose_casino(request)
        else Casino.objects.none()
    )


def may_see_users(request: HttpRequest) -> bool:
    """Users' names and coupons are personal: staff see them here if they see them in the admin."""
    return request.user.has_perms(["recommendations.view_user", "recommendations.view_purchasedcoupon"])


def may_configure(request: HttpRequest) -> bool:
    return request.user.has_perm("tenants.change_casino")
