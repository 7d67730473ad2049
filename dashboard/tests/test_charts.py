from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dashboard.charts import HEIGHT, WIDTH, latency_plot, plot
from recommendations.statistics import Latency

START = datetime(2026, 1, 1, tzinfo=UTC)


def points_of(numbers):
    return [(START + timedelta(hours=place), number) for place, number in enumerate(numbers)]


@given(st.lists(st.integers(0, 10**15), max_size=200))
def test_every_bar_stands_on_the_axis_inside_the_plot_and_none_overlap(numbers):
    made = plot("stored", "Stored", points_of(numbers))
    assert len(made.bars) == sum(number > 0 for number in numbers)
    for bar in made.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.01
        assert abs(bar.y + bar.height - HEIGHT) < 0.02
    assert all(left.x + left.width <= right.x for left, right in zip(made.bars, made.bars[1:], strict=False))


def test_bars_are_as_high_as_their_numbers_and_the_highest_fills_the_plot():
    made = plot("stored", "Stored", points_of([5, 0, 20]))
    assert [bar.height for bar in made.bars] == [25, 100]
    assert made.bars[1].label == "01 Jan 02:00: 20"
    assert made.description == "25 in the latest 3 hours; at most 20 an hour, from 01 Jan 02:00 UTC."
    assert (made.summary, made.top, made.columns) == ("25 in 3 hours", "20 an hour", ("Number",))
    assert made.rows == ((START + timedelta(hours=2), ("20",)), (START, ("5",)))


def test_nothing_is_drawn_and_said_of_nothing():
    made = plot("stored", "Stored", points_of([0, 0]))
    assert (made.bars, made.top, made.rows) == ((), "none", ())
    assert made.description == "None in the latest 2 hours."
    assert plot("stored", "Stored", []).bars == ()


def test_latencies_are_told_by_the_hour_and_hours_without_answers_have_no_bar():
    second, third = (START + timedelta(hours=number) for number in (1, 2))
    hours = [Latency(START, 2.0, 5.0), Latency(second), Latency(third, 3.04, 20.0)]
    made = latency_plot("latency", "Time to recommend", hours)
    assert [(bar.height, bar.label) for bar in made.bars] == [
        (25, "01 Jan 00:00: half within 2.0 ms, 99 of 100 within 5.0 ms"),
        (100, "01 Jan 02:00: half within 3.0 ms, 99 of 100 within 20.0 ms"),
    ]
    assert (made.summary, made.top) == ("half within 3.0 ms, lately", "20.0 ms")
    assert made.description == "At most 20.0 ms for 99 of 100, in the latest 3 hours."
    assert made.rows == ((third, ("3.0 ms", "20.0 ms")), (START, ("2.0 ms", "5.0 ms")))


def test_nothing_is_told_of_answers_that_there_were_not():
    made = latency_plot("latency", "Time to recommend", [Latency(START)])
    assert (made.bars, made.rows, made.summary, made.top) == ((), (), "", "none")
    assert made.description == "None in the latest 1 hours."
