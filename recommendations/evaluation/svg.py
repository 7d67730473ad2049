"""Plots as SVG inside the page: no script, nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .bootstrap import Interval

_COLOURS = ("#1b6ca8", "#d1495b", "#3c7a3c", "#8f5fbf", "#c77d0a", "#2a9d8f", "#6b4f3a", "#b5179e", "#555", "#90a000")
_LABELS, _WIDTH, _ROW = 130, 640, 22


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    interval: Interval


def bars(title: str, rows: Sequence[Bar]) -> str:
    """A bar a row, with its interval as a line; from 0 to 1."""
    height = _ROW * len(rows) + 30
    parts = [_text(0, 14, title, "title")]
    for number, row in enumerate(rows):
        top = 24 + _ROW * number
        low, mean, high = (_across(each) for each in (row.interval.low, row.interval.mean, row.interval.high))
        colour, middle = _COLOURS[number % len(_COLOURS)], top + 8
        parts += [
            _text(_LABELS - 6, top + 12, row.label, "label"),
            f'<rect x="{_LABELS}" y="{top}" width="{mean - _LABELS:.1f}" height="16" fill="{colour}" opacity=".75"/>',
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="#111" stroke-width="1.5"/>',
            _text(high + 5, top + 12, f"{row.interval.mean:.3f}", "number"),
        ]
    return _svg(height, parts, title)


def lines(title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> str:
    """A line for each of the series, from 0 to 1, over the labels."""
    bottom, height = 240, 270 + 16 * ((len(series) + 3) // 4)
    step = (_WIDTH - _LABELS - 40) / max(len(labels) - 1, 1)
    across = [_LABELS + step * number for number in range(len(labels))]
    parts = [_text(0, 14, title, "title")]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        down = _down(tick, bottom)
        parts += [
            f'<line x1="{_LABELS}" x2="{_WIDTH - 40}" y1="{down}" y2="{down}" stroke="#ddd"/>',
            _text(_LABELS - 6, down + 4, f"{tick:g}", "label"),
        ]
    for place, label in zip(across, labels, strict=True):
        parts.append(_text(place, bottom + 16, label, "tick"))
    for number, (name, values) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{x:.1f},{_down(y, bottom):.1f}" for x, y in zip(across, values, strict=True))
        legend = _LABELS + (number % 4) * 125, bottom + 36 + 16 * (number // 4)
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<rect x="{legend[0]}" y="{legend[1] - 9}" width="10" height="10" fill="{colour}"/>',
            _text(legend[0] + 14, legend[1], name, "legend"),
        ]
    return _svg(height, parts, title)


def _across(number: float) -> float:
    return _LABELS + max(min(number, 1.0), 0.0) * (_WIDTH - _LABELS - 60)


def _down(number: float, bottom: float) -> float:
    return bottom - max(min(number, 1.0), 0.0) * (bottom - 30)


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
