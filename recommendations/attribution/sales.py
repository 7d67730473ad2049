"""The sales of recommendations in a period: the same statistics for the page, the command and the API.

The statistics are sums of days, so that a user who was reached on two days counts twice: `reached`, `bettors`,
`converted` and `active` are user-days. Each line of a breakdown counts a user-day once.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from recommendations.models import Breakdown
from tenants.routing.connections import query

from .notes import count_due
from .shares import ShareInterval, share_interval

_COUNTS = (
    "answers", "empty", "refused", "withheld", "seen", "clicked", "active", "reached", "bettors", "converted", "bets",
    "coupons",
)  # fmt: skip
_AMOUNTS = ("stake", "matched_stake", "coupon_stake")
_SUMS = f"""
SELECT breakdown, day, recommender, placement, currency, {", ".join((*_COUNTS, *_AMOUNTS))} FROM recommendation_days
WHERE day BETWEEN %s AND %s AND breakdown <> '{Breakdown.VARIANT}'
"""
_MARKETS = """
SELECT market, coalesce(users.currency, '') AS currency, count(DISTINCT (user_id, day)), count(*), sum(stake),
    sum(matched_stake)
FROM attributions CROSS JOIN unnest(markets) AS market LEFT JOIN users ON users.id = user_id
WHERE day BETWEEN %s AND %s AND shown GROUP BY 1, 2
"""

_ENCODER = msgspec.json.Encoder(decimal_format="number")

Amounts = dict[str, Decimal]


class Figures(msgspec.Struct):
    """One line of a breakdown, or the total. Amounts are by currency.

    `answers` were sent; `empty` of them had no events, and `refused` were refusals. The casino reported impressions of
    `seen` and clicks on `clicked` of them. `turnover` is the stake of the attributed `bets`, and `matched_turnover` its
    share of the matched selections. `reached_on` has the days on which users were reached.
    """

    name: str
    answers: int = 0
    empty: int = 0
    refused: int = 0
    withheld: int = 0
    seen: int = 0
    clicked: int = 0
    reached: int = 0
    bettors: int = 0
    converted: int = 0
    bets: int = 0
    turnover: Amounts = msgspec.field(default_factory=dict)
    matched_turnover: Amounts = msgspec.field(default_factory=dict)
    reached_on: set[date] = msgspec.field(default_factory=set)

    @property
    def conversion(self) -> float | None:
        """The share of reached users who bet on an answer on the same day; None if no user was reached."""
        return self.converted / self.reached if self.reached else None

    @property
    def conversion_interval(self) -> ShareInterval | None:
        """The 95 % confidence interval of `conversion`; None if no user was reached."""
        return share_interval(self.converted, self.reached, len(self.reached_on))


class Total(Figures):
    """The sums of all recommenders and placements, and of all the casino's `coupons` with their `coupon_turnover`.
    `active` users got an answer or bought a coupon."""

    active: int = 0
    coupons: int = 0
    coupon_turnover: Amounts = msgspec.field(default_factory=dict)

    @property
    def reach(self) -> float | None:
        """The share of active users who were reached; None if no user was active."""
        return self.reached / self.active if self.active else None

    @property
    def coverage(self) -> float | None:
        """The share of coupons that are attributed; None without coupons."""
        return self.bets / self.coupons if self.coupons else None


class MarketFigures(msgspec.Struct):
    """The attributed bets with selections of a market. A bet on two markets counts in both."""

    name: str
    bettors: int = 0
    bets: int = 0
    turnover: Amounts = msgspec.field(default_factory=dict)
    matched_turnover: Amounts = msgspec.field(default_factory=dict)


class Sales(msgspec.Struct):
    """The statistics of the days from `first` to `last` (UTC), both included. `days` has each of these days;
    recommenders, placements and markets are ordered by bets. `due` is the number of coupons and answers that are not
    counted yet."""

    first: date
    last: date
    total: Total
    days: list[Total]
    recommenders: list[Figures]
    placements: list[Figures]
    markets: list[MarketFigures]
    due: int

    @property
    def has_impressions(self) -> bool:
        """Whether the casino reported impressions or clicks in this period."""
        return bool(self.total.seen or self.total.clicked)


def read_sales(first: date, last: date) -> Sales:
    """The current casino's statistics of the days from `first` to `last`."""
    days = {day: Total(f"{day:%Y-%m-%d}") for day in _days(first, last)}
    total, recommenders, placements = Total("all"), dict[str, Figures](), dict[str, Figures]()
    for breakdown, day, recommender, placement, currency, *sums in query(_SUMS, [first, last]):
        if breakdown == Breakdown.TOTAL:
            lines: Iterable[Figures] = (total, days[day])
        else:
            name, of = (recommender, recommenders) if breakdown == Breakdown.RECOMMENDER else (placement, placements)
            lines = (of.setdefault(name, Figures(name)),)
        for line in lines:
            _add(line, day, currency, dict(zip((*_COUNTS, *_AMOUNTS), sums, strict=True)))
    return Sales(
        first=first,
        last=last,
        total=total,
        days=list(days.values()),
        recommenders=_sort_by_bets(recommenders.values()),
        placements=_sort_by_bets(placements.values()),
        markets=_markets(first, last),
        due=count_due()[0],
    )


def read_totals(first: date, middle: date, last: date) -> tuple[Total, Total]:
    """The current casino's totals from `first` to the day before `middle`, and from `middle` to `last`."""
    before, since = Total("before"), Total("since")
    for breakdown, day, _, _, currency, *sums in query(_SUMS, [first, last]):
        if breakdown == Breakdown.TOTAL:
            line = since if day >= middle else before
            _add(line, day, currency, dict(zip((*_COUNTS, *_AMOUNTS), sums, strict=True)))
    return before, since


def sales_as_json(sales: Sales) -> dict[str, Any]:
    """The statistics with their shares, for the API and the command."""
    return {
        "from": f"{sales.first}",
        "to": f"{sales.last}",
        "total": _as_json(sales.total),
        "days": list(map(_as_json, sales.days)),
        "recommenders": list(map(_as_json, sales.recommenders)),
        "placements": list(map(_as_json, sales.placements)),
        "markets": list(map(_as_json, sales.markets)),
        "due": sales.due,
    }


def _as_json(line: Figures | MarketFigures) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(_ENCODER.encode(line))
    if isinstance(line, Figures):
        interval = line.conversion_interval
        found["conversion"] = line.conversion
        found["conversion_low"] = interval and interval.low
        found["conversion_high"] = interval and interval.high
        del found["reached_on"]
    if isinstance(line, Total):
        found |= {"reach": line.reach, "coverage": line.coverage}
    return found


def _add(line: Figures, day: date, currency: str, sums: dict[str, Any]) -> None:
    for name in _COUNTS:
        if hasattr(line, name):
            setattr(line, name, getattr(line, name) + int(sums[name]))
    if sums["reached"]:
        line.reached_on.add(day)
    _add_amount(line.turnover, currency, sums["stake"])
    _add_amount(line.matched_turnover, currency, sums["matched_stake"])
    if isinstance(line, Total):
        _add_amount(line.coupon_turnover, currency, sums["coupon_stake"])


def _add_amount(amounts: Amounts, currency: str, amount: Decimal) -> None:
    if amount:
        amounts[currency] = amounts.get(currency, Decimal(0)) + amount


def _markets(first: date, last: date) -> list[MarketFigures]:
    found: dict[str, MarketFigures] = {}
    for market, currency, bettors, bets, stake, matched_stake in query(_MARKETS, [first, last]):
        line = found.setdefault(market, MarketFigures(market))
        line.bettors += bettors
        line.bets += bets
        _add_amount(line.turnover, currency, stake)
        _add_amount(line.matched_turnover, currency, matched_stake)
    return sorted(found.values(), key=lambda line: (-line.bets, line.name))


def _sort_by_bets(lines: Iterable[Figures]) -> list[Figures]:
    return sorted(lines, key=lambda line: (-line.bets, line.name))


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
