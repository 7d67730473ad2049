from datetime import UTC, datetime, timedelta

from dashboard.charts import count_chart, latency_chart
from recommendations.tallies.statistics import Latency

START = datetime(2026, 1, 1, tzinfo=UTC)


def points_of(numbers):
    return [(START + timedelta(hours=place), number) for place, number in enumerate(numbers)]


def test_counts_have_a_summary_a_maximum_and_rows_from_the_latest_on():
    chart = count_chart("stored", "Stored", points_of([5, 0, 20]))
    assert "<title>01 Jan 02:00: 20</title>" in chart.svg
    assert chart.svg.count("<rect") == 2
    assert chart.description == "25 in the last 3 hours; maximum 20 per hour at 01 Jan 02:00 UTC."
    assert chart.description in chart.svg
    assert (chart.summary, chart.maximum, chart.columns) == ("25 in 3 hours", "20 per hour", ("Count",))
    assert chart.rows == ((START + timedelta(hours=2), ("20",)), (START, ("5",)))


def test_counts_of_zero_have_no_bars_and_no_rows():
    chart = count_chart("stored", "Stored", points_of([0, 0]))
    assert ("<rect" in chart.svg, chart.maximum, chart.rows) == (False, "none", ())
    assert chart.description == "None in the last 2 hours."
    assert "<rect" not in count_chart("stored", "Stored", []).svg


def test_latencies_have_bars_only_for_hours_with_recommendations():
    second, third = (START + timedelta(hours=number) for number in (1, 2))
    hours = [Latency(START, 2.0, 5.0), Latency(second), Latency(third, 3.04, 20.0)]
    chart = latency_chart("latency", "Recommendation latency", hours)
    assert chart.svg.count("<rect") == 2
    for text in ("01 Jan 00:00: median 2.0 ms, p99 5.0 ms", "01 Jan 02:00: median 3.0 ms, p99 20.0 ms"):
        assert f"<title>{text}</title>" in chart.svg
    assert (chart.summary, chart.maximum) == ("median 3.0 ms, p99 20.0 ms", "p99 20.0 ms")
    assert chart.description == "p99 at most 20.0 ms in the last 3 hours."
    assert chart.rows == ((third, ("3.0 ms", "20.0 ms")), (START, ("2.0 ms", "5.0 ms")))


def test_latencies_without_recommendations_have_no_bars_and_no_rows():
    chart = latency_chart("latency", "Recommendation latency", [Latency(START)])
    assert ("<rect" in chart.svg, chart.rows, chart.summary, chart.maximum) == (False, (), "", "none")
    assert chart.description == "None in the last 1 hours."
