"""Charts of a casino's numbers by day: the SVG, the labels of its axes, and a table of the same numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.safestring import SafeString

from recommendations.attribution.shares import ShareInterval
from recommendations.experiments.report import Look
from recommendations.experiments.statistics.verdict import percent
from recommendations.validation.currencies import shown_amount

from .svg_columns import Column, Scale, column_chart, rounded_up

_INTERVAL = "95 % confidence interval"


@dataclass(frozen=True, slots=True)
class DayChart:
    """`ticks`: labels of the vertical axis, the highest first. `rows`: (day, text under each of `columns`), the latest
    first, without days without data."""

    key: str
    title: str
    summary: str
    description: str
    note: str
    svg: SafeString
    ticks: tuple[str, ...]
    days: tuple[date, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[date, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Day:
    """A day; without texts it has no data."""

    day: date
    texts: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    marks: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class _Texts:
    """The texts around a chart. `of_tick`: the label of a value of its axis."""

    key: str
    title: str
    columns: tuple[str, ...]
    of_tick: Callable[[float], str]
    summary: str = ""
    note: str = ""


def counts_by_day(key: str, title: str, points: Sequence[tuple[date, int]]) -> DayChart:
    """A chart of counts by day, the oldest first."""
    days = [_Day(day, (f"{number:,}",), 0.0, float(number)) if number else _Day(day) for day, number in points]
    total, highest = sum(number for _, number in points), max((number for _, number in points), default=0)
    texts = _Texts(key, title, ("Count",), lambda value: f"{value:,.10g}", f"{total:,}")
    return _chart(texts, days, Scale(0.0, max(rounded_up(highest), 2.0)))


def amounts_by_day(key: str, title: str, currency: str, points: Sequence[tuple[date, Decimal]]) -> DayChart:
    """A chart of amounts of money in one currency by day, the oldest first."""
    days = [
        _Day(day, (shown_amount(amount, currency),), 0.0, float(amount)) if amount else _Day(day)
        for day, amount in points
    ]
    total, highest = sum(amount for _, amount in points), max((amount for _, amount in points), default=Decimal(0))
    summary = f"{shown_amount(Decimal(total), currency)} {currency}"
    texts = _Texts(key, title, ("Amount",), lambda value: f"{value:,.10g}", summary)
    return _chart(texts, days, Scale(0.0, rounded_up(float(highest))))


def shares_by_day(key: str, title: str, points: Sequence[tuple[date, ShareInterval | None]]) -> DayChart:
    """A chart of shares with their 95 % confidence intervals by day, the oldest first; None: no data."""
    days = [_share_of(day, interval) if interval else _Day(day) for day, interval in points]
    highest = max((interval.high for _, interval in points if interval), default=0.0)
    note = "The line is the share, the bar its 95 % confidence interval (Wilson)."
    texts = _Texts(key, title, ("Share", _INTERVAL), percent, note=note)
    return _chart(texts, days, Scale(0.0, min(rounded_up(highest), 1.0)))


def difference_by_day(key: str, title: str, looks: Sequence[Look]) -> DayChart:
    """A chart of an experiment's estimated difference with its interval, at the end of each day."""
    days = [
        _Day(
            each.day,
            (_signed(each.estimate), f"{_signed(each.low)} to {_signed(each.high)}"),
            each.low,
            each.high,
            (("chart-estimate", each.estimate),),
        )
        for each in looks
    ]
    note = (
        "The bar is the 95 % confidence interval of the difference at the end of the day. Once it lies on one side of "
        "0, the difference is significant. The line is that day's estimate. Values beyond the scale are cut off."
    )
    texts = _Texts(key, title, ("Difference", _INTERVAL), _signed, note=note)
    return _chart(texts, days, _scale_with_zero([(each.low, each.high) for each in looks]))


def evidence_by_day(key: str, title: str, looks: Sequence[Look]) -> DayChart:
    """A chart of the difference in standard errors, with the boundaries of significance, at the end of each day."""
    days = [
        _Day(
            each.day,
            (_number(each.z), f"\N{MINUS SIGN}{each.boundary:.2f} and +{each.boundary:.2f}"),
            min(each.z, 0.0),
            max(each.z, 0.0),
            (("chart-boundary", each.boundary), ("chart-boundary", -each.boundary)),
        )
        for each in looks
    ]
    note = (
        "The bar is the difference in standard errors. It is significant from the first day on which the bar exceeds "
        "one of the two boundaries (the lines). They are far apart on the first days, so that frequent looks do not "
        "cause false findings."
    )
    texts = _Texts(key, title, ("Standard errors", "Boundaries"), _number, note=note)
    return _chart(texts, days, _scale_with_zero([(-each.boundary, max(abs(each.z), each.boundary)) for each in looks]))


def _share_of(day: date, interval: ShareInterval) -> _Day:
    texts = percent(interval.share), f"{percent(interval.low)} to {percent(interval.high)}"
    return _Day(day, texts, interval.low, interval.high, (("chart-estimate", interval.share),))


def _scale_with_zero(ranges: Sequence[tuple[float, float]]) -> Scale:
    """A scale for the later half of the intervals, since the first ones are many times wider."""
    later = ranges[len(ranges) // 2 :]
    end = rounded_up(max((max(abs(low), abs(high)) for low, high in later), default=0.0))
    return Scale(-end, end)


def _chart(texts: _Texts, days: Sequence[_Day], scale: Scale) -> DayChart:
    known = [each for each in days if each.texts]
    latest = "; ".join(f"{each.day:%d %b} {', '.join(each.texts)}" for each in known[-7:])
    description = f"The latest days: {latest}." if known else "None in this period."
    bars = [Column(f"{each.day:%d %b}: {', '.join(each.texts)}", each.low, each.high, each.marks) for each in days]
    return DayChart(
        key=texts.key,
        title=texts.title,
        summary=texts.summary,
        description=description,
        note=texts.note,
        svg=column_chart(f"{texts.title} by day", description, bars, scale),
        ticks=tuple(texts.of_tick(each) for each in scale.ticks),
        days=tuple(each.day for each in days),
        columns=texts.columns,
        rows=tuple((each.day, each.texts) for each in reversed(known)),
    )


def _signed(value: float) -> str:
    return f"{100 * value:+.3g} %".replace("-", "\N{MINUS SIGN}") if value else "0 %"


def _number(value: float) -> str:
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}") if value else "0"
