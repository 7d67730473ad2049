"""Charts of a casino's numbers by hour: the SVG, its texts, and a table of the same numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from recommendations.evaluation.svg_charts import time_chart
from recommendations.tallies.statistics import Latency


@dataclass(frozen=True, slots=True)
class HourlyChart:
    """`maximum`: the label of the chart's top. `rows`: (hour, text under each of `columns`), the latest first, without
    hours of zero."""

    key: str
    title: str
    summary: str
    maximum: str
    description: str
    svg: SafeString
    hours: tuple[datetime, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[datetime, tuple[str, ...]], ...]


def count_chart(key: str, title: str, points: Sequence[tuple[datetime, int]]) -> HourlyChart:
    """A chart of counts by hour, the oldest first."""
    highest, total = max((number for _, number in points), default=0), sum(number for _, number in points)
    hours = [_Hour(hour, number, (f"{number:,}",), f"{number:,}") for hour, number in points]
    description = f"None in the last {len(points)} hours."
    if total:
        peak = next(time for time, number in points if number == highest)
        description = (
            f"{total:,} in the last {len(points)} hours; maximum {highest:,} per hour at {peak:%d %b %H:%M} UTC."
        )
    return _chart(
        key,
        title,
        hours,
        summary=f"{total:,} in {len(points)} hours",
        maximum=f"{highest:,} per hour" if highest else "none",
        description=description,
        columns=("Count",),
    )


def latency_chart(key: str, title: str, latencies: Sequence[Latency]) -> HourlyChart:
    """A chart of p99 latency by hour, the oldest first."""
    known = [each for each in latencies if each.p50 is not None and each.p99 is not None]
    highest = _ms(max((each.p99 or 0.0 for each in known), default=0.0))
    hours = [
        _Hour(each.hour, each.p99 or 0.0, (_ms(each.p50), _ms(each.p99)), _percentiles(each)) for each in latencies
    ]
    return _chart(
        key,
        title,
        hours,
        summary=_percentiles(known[-1]) if known else "",
        maximum=f"p99 {highest}" if known else "none",
        description=f"p99 at most {highest} in the last {len(latencies)} hours."
        if known
        else f"None in the last {len(latencies)} hours.",
        columns=("Median", "p99"),
    )


@dataclass(frozen=True, slots=True)
class _Hour:
    start: datetime
    value: float
    texts: tuple[str, ...]
    label: str


def _chart(
    key: str,
    title: str,
    hours: Sequence[_Hour],
    *,
    summary: str,
    maximum: str,
    description: str,
    columns: tuple[str, ...],
) -> HourlyChart:
    bars = [(hour.value, f"{hour.start:%d %b %H:%M}: {hour.label}") for hour in hours]
    return HourlyChart(
        key=key,
        title=title,
        summary=summary,
        maximum=maximum,
        description=description,
        svg=time_chart(f"{title} by hour", description, bars),
        hours=tuple(hour.start for hour in hours),
        columns=columns,
        rows=tuple((hour.start, hour.texts) for hour in reversed(hours) if hour.value),
    )


def _percentiles(latency: Latency) -> str:
    return f"median {_ms(latency.p50)}, p99 {_ms(latency.p99)}"


def _ms(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:,.1f} ms"
