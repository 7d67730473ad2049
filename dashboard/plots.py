"""Bars over time, as numbers for a template to draw: an SVG of our own needs no script and no style attribute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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
    """Bars of one kind, with what a reader of the screen is told of them. `points` are what the bars show."""

    key: str
    title: str
    description: str
    bars: tuple[Bar, ...]
    points: tuple[tuple[datetime, int], ...]
    highest: int
    total: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def filled(self) -> list[tuple[datetime, int]]:
        """The points that are not zero, the latest first."""
        return [point for point in reversed(self.points) if point[1]]


def plot(key: str, title: str, points: Sequence[tuple[datetime, int]]) -> Plot:
    """Bars of numbers by time, oldest first; the highest fills the height."""
    highest, total = max((number for _, number in points), default=0), sum(number for _, number in points)
    room = WIDTH / max(len(points), 1)
    bars = tuple(
        Bar(
            x=round(place * room + room * _GAP / 2, 2),
            y=round(HEIGHT - HEIGHT * number / highest, 2),
            width=round(room * (1 - _GAP), 2),
            height=round(HEIGHT * number / highest, 2),
            label=f"{time:%d %b %H:%M}: {number:,}",
        )
        for place, (time, number) in enumerate(points)
        if number
    )
    return Plot(key, title, _describe(points, highest, total), bars, tuple(points), highest, total)


def _describe(points: Sequence[tuple[datetime, int]], highest: int, total: int) -> str:
    if not total:
        return f"None in the latest {len(points)} hours."
    peak = next(time for time, number in points if number == highest)
    return f"{total:,} in the latest {len(points)} hours; at most {highest:,} an hour, from {peak:%d %b %H:%M} UTC."
