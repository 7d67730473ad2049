"""Columns of amounts of money."""

from typing import Any

from django.db import models


class AmountField(models.DecimalField[Any, Any]):
    """An amount in the user's currency, with as many decimals as it has: numeric without a scale.

    Currencies have 0 to 8 decimals. A column with a scale would show and store them all, and can't be given another
    one without rewriting its table.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_digits": 24, "decimal_places": 8} | options)

    def db_type(self, connection: Any) -> str:
        return "numeric"
