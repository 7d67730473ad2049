"""Who may act for a casino."""

from django.conf import settings
from django.http import HttpRequest


def may_choose_casino(request: HttpRequest) -> bool:
    """Staff may act for any casino; everybody may where the installation is declared open."""
    return settings.RECSYS_OPEN_API or bool(request.user.is_active and request.user.is_staff)
