"""Amounts of money in the admin's lists and pages."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from recommendations.models import User
from recommendations.validation.currencies import shown_amount

from .base_table import CasinoTableAdmin


class UserAmountsAdmin(CasinoTableAdmin):
    """An admin of users' rows that shows amounts in the user's currency."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        currency = User.objects.filter(pk=OuterRef("user_id")).values("currency")[:1]
        rows: QuerySet[Any] = super().get_queryset(request).annotate(currency=Subquery(currency))
        return rows

    @admin.display(description="stake", ordering="stake")
    def shown_stake(self, row: Any) -> str:
        return in_currency(row.stake, row.currency)

    @admin.display(description="stake total", ordering="stake_total")
    def shown_stake_total(self, row: Any) -> str:
        return in_currency(row.stake_total, row.currency)


def in_currency(amount: Decimal | None, currency: str | None) -> str:
    """The amount as text; `-` for None. `currency` is None for a user who is not stored."""
    return "-" if amount is None else shown_amount(amount, currency or "")
