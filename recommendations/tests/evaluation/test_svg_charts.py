"""The charts' geometry, escaping and descriptions."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from recommendations.evaluation.svg_charts import (
    TIME_HEIGHT,
    TIME_WIDTH,
    IntervalBar,
    interval_chart,
    line_chart,
    time_chart,
)

HOSTILE = "<script>alert(1)</script>"


def columns_of(svg):
    """(x, y, width, height, label) of each column."""
    return [
        (*(float(rect.attrib[name]) for name in ("x", "y", "width", "height")), rect.findtext("title"))
        for rect in ET.fromstring(svg).iter("rect")
    ]


@given(st.lists(st.integers(0, 10**15), max_size=200))
def test_columns_stand_on_the_axis_inside_the_chart_and_do_not_overlap(numbers):
    columns = columns_of(time_chart("Stored", "", [(number, "") for number in numbers]))
    assert len(columns) == sum(number > 0 for number in numbers)
    for x, y, width, height, _ in columns:
        assert 0 <= x <= x + width <= TIME_WIDTH + 0.01
        assert abs(y + height - TIME_HEIGHT) < 0.02
    assert all(left[0] + left[2] <= right[0] for left, right in pairwise(columns))


def test_columns_are_as_high_as_their_values_and_the_highest_fills_the_chart():
    columns = columns_of(time_chart("Stored", "", [(5, "first"), (0, "second"), (20, "third")]))
    assert [(column[3], column[4]) for column in columns] == [(25, "first"), (100, "third")]


def test_interval_chart_draws_each_mean_with_its_interval():
    svg = ET.fromstring(interval_chart("NDCG", [IntervalBar("static", 0.5, 0.25, 1.0)]))
    assert [rect.get("width") for rect in svg.iter("rect")] == ["225.0"]
    assert [(line.get("x1"), line.get("x2")) for line in svg.iter("line")] == [("242.5", "580.0")]
    assert svg.findtext("desc") == "static 0.500 (0.250 to 1.000)"


def test_line_chart_has_a_line_and_a_legend_for_each_series():
    svg = ET.fromstring(line_chart("NDCG", ["May", "June"], {"static": [0.0, 1.0], "hybrid": [0.5, 0.5]}))
    points = [line.get("points") for line in svg.iter("polyline")]
    assert points == ["130.0,240.0 600.0,30.0", "130.0,135.0 600.0,135.0"]
    assert [text.text for text in svg.iter("text") if text.get("class") == "legend"] == ["static", "hybrid"]


def test_charts_are_titled_and_described_for_screen_readers_and_escape_their_texts():
    for svg in (
        time_chart(HOSTILE, HOSTILE, [(1, HOSTILE)]),
        interval_chart(HOSTILE, [IntervalBar(HOSTILE, 0.1, 0.1, 0.1)]),
        line_chart(HOSTILE, [HOSTILE], {HOSTILE: [0.1]}),
    ):
        root = ET.fromstring(svg)
        ids = {each.get("id") for each in root.iter()}
        assert {root.get("aria-labelledby"), root.get("aria-describedby")} <= ids
        assert HOSTILE not in svg
        assert re.search(r"\bstyle=|<script", svg) is None
