"""Bars over time, as numbers for a template to draw: an SVG of our own needs no script and no style attribute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recommendations.statistics import Latency

WIDTH, HEIGHT = 480, 100
_GAP = 0.2  # share of a bar's room that stays empty


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars of one kind, with what a reader of the screen is told of them. `top` is what the highest bar stands for;
    `rows` are (hour, text under each of `columns`) of the hours that have a bar, the latest first."""

    key: str
    title: str
    summary: str
    top: str
    description: str
    bars: tuple[Bar, ...]
    hours: tuple[datetime, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[datetime, tuple[str, ...]], ...]
    width: int = WIDTH
    height: int = HEIGHT


def plot(key: str, title: str, points: Sequence[tuple[datetime, int]]) -> Plot:
    """Numbers by hour, oldest first; the highest fills the height."""
    highest, total = max((number for _, number in points), default=0), sum(number for _, number in points)
    told = [(hour, float(number), (f"{number:,}",)) for hour, number in points]
    return Plot(
        key,
        title,
        summary=f"{total:,} in {len(points)} hours",
        top=f"{highest:,} an hour" if highest else "none",
        description=_describe(points, highest, total),
        bars=_bars(told, ("",)),
        hours=tuple(hour for hour, _ in points),
        columns=("Number",),
        rows=_rows(told),
    )


def latency_plot(key: str, title: str, latencies: Sequence[Latency]) -> Plot:
    """The milliseconds within which 99 of 100 were made, by hour, oldest first."""
    known = [each for each in latencies if each.p50 is not None and each.p99 is not None]
    highest = max((each.p99 or 0.0 for each in known), default=0.0)
    latest = known[-1] if known else None
    told = [(each.hour, each.p99 or 0.0, (_ms(each.p50), _ms(each.p99))) for each in latencies]
    return Plot(
        key,
        title,
        summary=f"half within {_ms(latest.p50)}, lately" if latest else "",
        top=_ms(highest) if known else "none",
        description=(
            f"At most {_ms(highest)} for 99 of 100, in the latest {len(latencies)} hours."
            if known
            else _none_in(len(latencies))
        ),
        bars=_bars(told, ("half within ", "99 of 100 within ")),
        hours=tuple(each.hour for each in latencies),
        columns=("Half within", "99 of 100 within"),
        rows=_rows(told),
    )


_Told = Sequence[tuple[datetime, float, tuple[str, ...]]]  # hour, height, what is said of it


def _bars(told: _Told, words: Sequence[str]) -> tuple[Bar, ...]:
    highest, room = max((height for _, height, _ in told), default=0.0), WIDTH / max(len(told), 1)
    return tuple(
        Bar(
            x=round(place * room + room * _GAP / 2, 2),
            y=round(HEIGHT - HEIGHT * height / highest, 2),
            width=round(room * (1 - _GAP), 2),
            height=round(HEIGHT * height / highest, 2),
            label=f"{hour:%d %b %H:%M}: " + ", ".join(map("".join, zip(words, texts, strict=True))),
        )
        for place, (hour, height, texts) in enumerate(told)
        if height
    )


def _rows(told: _Told) -> tuple[tuple[datetime, tuple[str, ...]], ...]:
    return tuple((hour, texts) for hour, height, texts in reversed(told) if height)


def _describe(points: Sequence[tuple[datetime, int]], highest: int, total: int) -> str:
    if not total:
        return _none_in(len(points))
    peak = next(time for time, number in points if number == highest)
    return f"{total:,} in the latest {len(points)} hours; at most {highest:,} an hour, from {peak:%d %b %H:%M} UTC."


def _none_in(hours: int) -> str:
    return f"None in the latest {hours} hours."


def _ms(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:,.1f} ms"
