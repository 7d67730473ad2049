"""Charts as SVG elements without scripts or style attributes; each has a title and a description for screen readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify

TIME_WIDTH, TIME_HEIGHT = 480, 100
_GAP = 0.2  # share of a column's width that stays empty

_COLOURS = ("#1b6ca8", "#d1495b", "#3c7a3c", "#8f5fbf", "#c77d0a", "#2a9d8f", "#6b4f3a", "#b5179e", "#555", "#90a000")
_LABELS, _WIDTH, _ROW = 130, 640, 22


@dataclass(frozen=True, slots=True)
class IntervalBar:
    """A mean and its confidence interval, all between 0 and 1."""

    label: str
    mean: float
    low: float
    high: float


def time_chart(title: str, description: str, columns: Sequence[tuple[float, str]]) -> SafeString:
    """A chart with a column for each (value, label), in chronological order. The highest column fills the height; a
    value of 0 has no column.

    It stretches to the size of its container; the page's style sheet colours `chart-bar` and `chart-axis`.
    """
    highest, room = max((value for value, _ in columns), default=0), TIME_WIDTH / max(len(columns), 1)
    bars = [
        _column(room * (place + _GAP / 2), room * (1 - _GAP), TIME_HEIGHT * value / highest, label)
        for place, (value, label) in enumerate(columns)
        if value
    ]
    axis = as_line("chart-axis", 0, TIME_HEIGHT, TIME_WIDTH, TIME_HEIGHT)
    return as_svg(title, description, [axis, *bars], TIME_WIDTH, TIME_HEIGHT, is_stretched=True)


def interval_chart(title: str, rows: Sequence[IntervalBar]) -> SafeString:
    """A chart with a bar for each row, from 0 to 1, and its confidence interval as a line."""
    parts = [_text("title", 0, 14, title)]
    for number, row in enumerate(rows):
        top = 24 + _ROW * number
        low, mean, high = _x(row.low), _x(row.mean), _x(row.high)
        parts += [
            _text("label", _LABELS - 6, top + 12, row.label),
            _rect(_LABELS, top, mean - _LABELS, 16, _colour(number)),
            as_line("chart-interval", low, top + 8, high, top + 8),
            _text("number", high + 5, top + 12, f"{row.mean:.3f}"),
        ]
    described = "; ".join(f"{row.label} {row.mean:.3f} ({row.low:.3f} to {row.high:.3f})" for row in rows)
    return as_svg(title, described, parts, _WIDTH, _ROW * len(rows) + 30)


def line_chart(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> SafeString:
    """A chart with a line for each of the series, from 0 to 1, over the labels."""
    bottom = 240
    step = (_WIDTH - _LABELS - 40) / max(len(labels) - 1, 1)
    across = [_LABELS + step * number for number in range(len(labels))]
    parts = [_text("title", 0, 14, title), *_grid(bottom)]
    parts += [_text("tick", x, bottom + 16, label) for x, label in zip(across, labels, strict=True)]
    for number, (name, values) in enumerate(series.items()):
        points = " ".join(f"{x:.1f},{_y(y, bottom):.1f}" for x, y in zip(across, values, strict=True))
        line = format_html('<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>', points, _colour(number))
        parts += [line, *_legend(number, name, bottom + 36)]
    described = "; ".join(f"{name}: {', '.join(f'{each:.3f}' for each in values)}" for name, values in series.items())
    return as_svg(title, described, parts, _WIDTH, bottom + 30 + 16 * ((len(series) + 3) // 4))


def _grid(bottom: float) -> list[SafeString]:
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        down = _y(tick, bottom)
        parts += [
            as_line("chart-grid", _LABELS, down, _WIDTH - 40, down),
            _text("label", _LABELS - 6, down + 4, f"{tick:g}"),
        ]
    return parts


def _legend(number: int, name: str, top: float) -> list[SafeString]:
    x, y = _LABELS + (number % 4) * 125, top + 16 * (number // 4)
    return [_rect(x, y - 9, 10, 10, _colour(number)), _text("legend", x + 14, y, name)]


def _x(number: float) -> float:
    return _LABELS + max(min(number, 1.0), 0.0) * (_WIDTH - _LABELS - 60)


def _y(number: float, bottom: float) -> float:
    return bottom - max(min(number, 1.0), 0.0) * (bottom - 30)


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _column(x: float, width: float, height: float, label: str) -> SafeString:
    place = f"{x:.2f}", f"{TIME_HEIGHT - height:.2f}", f"{width:.2f}", f"{height:.2f}"
    column = '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
    return format_html(column, *place, label)


def _rect(x: float, y: float, width: float, height: float, colour: str) -> SafeString:
    size = f"{x:.1f}", f"{y:.1f}", f"{width:.1f}", f"{height:.1f}"
    return format_html('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>', *size, colour)


def as_line(kind: str, x1: float, y1: float, x2: float, y2: float) -> SafeString:
    ends = f"{x1:.1f}", f"{y1:.1f}", f"{x2:.1f}", f"{y2:.1f}"
    return format_html('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', kind, *ends)


def _text(kind: str, x: float, y: float, text: str) -> SafeString:
    return format_html('<text x="{}" y="{}" class="{}">{}</text>', f"{x:.1f}", f"{y:.1f}", kind, text)


def as_svg(
    title: str, description: str, parts: Sequence[SafeString], width: int, height: int, *, is_stretched: bool = False
) -> SafeString:
    """An SVG element. Its ids are made from the title, which must be unique within the page."""
    return format_html(
        '<svg viewBox="0 0 {width} {height}" {size} role="img" '
        'aria-labelledby="{key}-title" aria-describedby="{key}-text">'
        '<title id="{key}-title">{title}</title><desc id="{key}-text">{description}</desc>{parts}</svg>',
        width=width,
        height=height,
        size=format_html('preserveAspectRatio="{}"', "none") if is_stretched else format_html('width="{}"', width),
        key=slugify(title),
        title=title,
        description=description,
        parts=format_html_join("", "{}", ((part,) for part in parts)),
    )
