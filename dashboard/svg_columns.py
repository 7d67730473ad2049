"""An SVG chart with a column for each day, on a scale with a lowest and a highest value."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from django.utils.html import format_html
from django.utils.safestring import SafeString

from recommendations.evaluation.svg_charts import TIME_HEIGHT, TIME_WIDTH, as_line, as_svg

_GAP = 0.2  # share of a column's width that stays empty
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Column:
    """A bar from `low` to `high`, with a line at each of `marks` (class of the line, value). None: a day without data,
    which has no bar."""

    label: str
    low: float | None = None
    high: float | None = None
    marks: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    bottom: float
    top: float

    @property
    def ticks(self) -> tuple[float, float, float]:
        """The values labelled on the axis, the highest first."""
        return self.top, (self.top + self.bottom) / 2, self.bottom

    def down(self, value: float) -> float:
        """The distance of a value from the chart's top. Values beyond the scale are clipped to its end."""
        held = min(max(value, self.bottom), self.top)
        return TIME_HEIGHT * (self.top - held) / (self.top - self.bottom)


def rounded_up(value: float) -> float:
    """The next larger 1, 2, 2.5 or 5 times a power of ten; 1 for 0."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** floor(log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))


def column_chart(title: str, description: str, columns: Sequence[Column], scale: Scale) -> SafeString:
    """The chart as SVG. It stretches to the available size; the page has the axes' labels, which must not stretch."""
    room = TIME_WIDTH / max(len(columns), 1)
    grid = [as_line("chart-grid", 0, scale.down(tick), TIME_WIDTH, scale.down(tick)) for tick in scale.ticks]
    zero = as_line("chart-axis", 0, scale.down(0.0), TIME_WIDTH, scale.down(0.0))
    parts = [part for place, each in enumerate(columns) for part in _parts(each, room * place, room, scale)]
    return as_svg(title, description, [*grid, zero, *parts], TIME_WIDTH, TIME_HEIGHT, is_stretched=True)


def _parts(column: Column, left: float, room: float, scale: Scale) -> list[SafeString]:
    if column.low is None or column.high is None:
        return []
    top = scale.down(column.high)
    place = left + room * _GAP / 2, top, room * (1 - _GAP), max(scale.down(column.low) - top, 0.0)
    bar = format_html(
        '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        *(f"{each:.2f}" for each in place),
        column.label,
    )
    marks = [as_line(kind, left, scale.down(value), left + room, scale.down(value)) for kind, value in column.marks]
    return [bar, *marks]
