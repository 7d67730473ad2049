"""`/casinos/<id>/sales/`: recommendations to a casino's users, and the bets attributed to them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.access import SALES
from dashboard.casino_reader import Unavailable, read
from dashboard.day_charts import DayChart, amounts_by_day, counts_by_day, shares_by_day
from recommendations.attribution.periods import parse_period
from recommendations.attribution.sales import Sales, read_sales
from recommendations.errors import InvalidParameter

from .base import open_casino, render_page

PERIODS = (7, 28, 90)  # days
_CURRENCIES = 3  # with a chart for each; the tables have all


@dataclass(frozen=True, slots=True)
class Period:
    """`days`: the period of the picker; None for a period of two dates. `problem`: the reason why the dates are not
    used."""

    first: date
    last: date
    days: int | None
    problem: str = ""


@require_safe
@permission_required(SALES, raise_exception=True)
def sales_page(request: HttpRequest, casino_id: int) -> TemplateResponse:
    """`?days=`: one of `PERIODS`; or `?from=` and `?to=`: days as YYYY-MM-DD, as in `GET /sales`."""
    casino = open_casino(request, casino_id)
    period = _period(request, timezone.now())
    found = read(casino, lambda: read_sales(period.first, period.last))
    context: dict[str, Any] = {"casino": casino, "period": period, "periods": PERIODS}
    if isinstance(found, Unavailable):
        context["unavailable"] = found
    else:
        context |= {"sales": found, "charts": _charts(found)}
    return render_page(request, "sales", f"Sales: {casino.name}", context)


def _period(request: HttpRequest, now: datetime) -> Period:
    given = request.GET
    if given.get("from") or given.get("to"):
        try:
            return Period(*parse_period(given.get("from"), given.get("to"), now), days=None)
        except InvalidParameter as error:
            return _last_days(PERIODS[0], now, problem=str(error))
    return _last_days(next((each for each in PERIODS if given.get("days") == str(each)), PERIODS[0]), now)


def _last_days(days: int, now: datetime, problem: str = "") -> Period:
    last = now.astimezone(UTC).date()
    return Period(last - timedelta(days=days - 1), last, days, problem)


def _charts(sales: Sales) -> list[DayChart]:
    lines = [(date.fromisoformat(line.name), line) for line in sales.days]
    return [
        counts_by_day("served", "Recommendations served", [(day, line.answers) for day, line in lines]),
        counts_by_day("reached", "Users reached", [(day, line.reached) for day, line in lines]),
        counts_by_day("bets", "Bets attributed to recommendations", [(day, line.bets) for day, line in lines]),
        shares_by_day("conversion", "Conversion", [(day, line.conversion_interval) for day, line in lines]),
        *(
            amounts_by_day(
                "turnover",
                f"Turnover of these bets, {currency or 'currency unknown'}",
                currency,
                [(day, line.turnover.get(currency, Decimal(0))) for day, line in lines],
            )
            for currency in sorted(sales.total.turnover, key=lambda each: -sales.total.turnover[each])[:_CURRENCIES]
        ),
    ]
