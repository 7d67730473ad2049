"""Pages for a person at a browser."""

from typing import Any

from django.views.generic import TemplateView

from tenants.context import find_current_casino

from .models import User

USERS_SHOWN = 8


class StartView(TemplateView):
    """Leads a stranger from the choice of a casino to a recommendation."""

    template_name = "recommendations/start.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        users = list(User.objects.order_by("id")[:USERS_SHOWN]) if find_current_casino() else []
        return super().get_context_data(users=users, **kwargs)
