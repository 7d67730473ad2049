"""`manage.py sales`: print the bets that are attributed to a casino's recommendations."""

from typing import Any

import msgspec
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.attribution.periods import parse_period
from recommendations.attribution.sales import (
    Amounts,
    Figures,
    MarketFigures,
    Sales,
    read_sales,
    sales_as_json,
)
from recommendations.errors import InvalidParameter
from tenants.management.cli.arguments import ready_casino
from tenants.management.cli.verbs import columns
from tenants.numbers import as_id
from tenants.routing.context import use_casino

_HEAD = ("", "ANSWERS", "USERS REACHED", "BETS", "OF THEM BET", "TURNOVER")
_MARKETS_HEAD = ("", "BETS", "TURNOVER")


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the others import all URLs and pages
    help = "Print the bets that are attributed to recommendations, by day, recommender, placement and market."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")
        parser.add_argument("--from", dest="first", metavar="YYYY-MM-DD", help="first day (default: the last 7 days)")
        parser.add_argument("--to", dest="last", metavar="YYYY-MM-DD", help="last day, in UTC (default: today)")
        parser.add_argument("--json", action="store_true", help="print JSON, as GET /sales")

    def handle(self, *args: Any, casino: int, first: str | None, last: str | None, json: bool, **options: Any) -> None:
        chosen = ready_casino(casino)
        try:
            since, to = parse_period(first, last, timezone.now())
        except InvalidParameter as error:
            raise CommandError(str(error)) from error
        with use_casino(chosen.current):
            sales = read_sales(since, to)
        if json:
            found = {"casino_id": chosen.pk} | sales_as_json(sales)
            self.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        else:
            self.stdout.write(f"{chosen}, {since} to {to} (UTC)\n\n{_text(sales)}")


def _text(sales: Sales) -> str:
    total = sales.total
    parts = [
        f"{total.bets} of {total.coupons} bets ({_share(total.coverage)}) came after a recommendation of one of their "
        f"events, with a turnover of {_amounts(total.turnover)}.\nThis does not show that it caused them.\n"
        f"Recommendations reached {_share(total.reach)} of the users of a day; {_share(total.conversion)} of these bet "
        "on one.",
        _table("BY DAY", sales.days),
        _table("BY RECOMMENDER", sales.recommenders),
        _table("BY PLACEMENT", sales.placements),
    ]
    if sales.markets:
        parts.append(columns([("BY MARKET", *_MARKETS_HEAD[1:]), *map(_market_row, sales.markets)]))
    if sales.due:
        parts.append(f"{sales.due} coupons and answers are not counted yet.")
    return "\n\n".join(parts)


def _table(title: str, lines: list[Any]) -> str:
    return columns([(title, *_HEAD[1:]), *map(_row, lines)])


def _row(line: Figures) -> tuple[str, ...]:
    shown = (line.answers, line.reached, line.bets)
    return (line.name or "(none)", *map(str, shown), _share(line.conversion), _amounts(line.turnover))


def _market_row(line: MarketFigures) -> tuple[str, ...]:
    return line.name, str(line.bets), _amounts(line.turnover)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _amounts(amounts: Amounts) -> str:
    return ", ".join(f"{amount:,.2f} {currency}".rstrip() for currency, amount in sorted(amounts.items())) or "0"
