"""Changing a casino's configuration from a page: never over an unseen change, and never unlogged."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from recommendations.services import configure
from tenants.models import Casino

from .forms import as_seen


class ChangedMeanwhile(Exception):
    """Somebody else has changed this configuration since the person began to edit it."""


def save_configuration(*, casino: Casino, staff: User, seen: str, now: datetime, **configuration: Any) -> Casino:
    """As `recommendations.services.configure` does. Raises ChangedMeanwhile, InvalidConfiguration."""
    with transaction.atomic():
        present = Casino.objects.select_for_update().get(pk=casino.pk)
        if as_seen(present.timestamp) != seen:
            raise ChangedMeanwhile(f"The configuration of {present} was changed by somebody else meanwhile.")
        configure(casino=present, now=now, staff=staff, **configuration)
    return present
