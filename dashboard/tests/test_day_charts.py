"""The charts by day."""

from datetime import date
from decimal import Decimal

import pytest

from dashboard.day_charts import amounts_by_day, counts_by_day, evidence_by_day, shares_by_day
from dashboard.svg_columns import Column, Scale, column_chart, rounded_up
from recommendations.attribution.shares import ShareInterval
from recommendations.experiments.report import Look

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)


@pytest.mark.parametrize(
    ("value", "end"), [(0, 1), (0.07, 0.1), (1, 1), (1.01, 2), (21, 25), (0.3, 0.5), (51, 100), (1_000, 1_000)]
)
def test_an_axis_ends_at_the_next_round_number(value, end):
    assert rounded_up(value) == pytest.approx(end)


def test_a_day_without_any_has_no_column_and_no_row_of_the_table():
    chart = counts_by_day("bets", "Bets", [(FIRST, 0), (SECOND, 30)])
    assert (chart.rows, chart.days, chart.summary) == (((SECOND, ("30",)),), (FIRST, SECOND), "30")
    assert chart.ticks == ("50", "25", "0")
    assert chart.svg.count("<rect") == 1
    assert counts_by_day("bets", "Bets", [(FIRST, 12_300)]).ticks == ("20,000", "10,000", "0")
    assert counts_by_day("bets", "Bets", [(FIRST, 4)]).ticks == ("5", "2.5", "0")


def test_amounts_have_the_currencys_decimals():
    chart = amounts_by_day("turnover", "Turnover", "EUR", [(FIRST, Decimal("2.5")), (SECOND, Decimal(0))])
    assert (chart.rows, chart.summary) == (((FIRST, ("2.50",)),), "2.50 EUR")


def test_shares_have_their_intervals_and_end_at_all():
    chart = shares_by_day("conversion", "Conversion", [(FIRST, ShareInterval(0.5, 0.2, 0.8)), (SECOND, None)])
    assert chart.rows == ((FIRST, ("50 %", "20 % to 80 %")),)
    assert chart.ticks == ("100 %", "50 %", "0 %")
    assert chart.svg.count('class="chart-estimate"') == 1


def test_evidence_has_both_boundaries_of_each_day():
    chart = evidence_by_day("evidence", "Evidence", [Look(FIRST, -0.1, -0.3, 0.1, -1.5, 3.5)])
    assert chart.rows == ((FIRST, ("\N{MINUS SIGN}1.5", "\N{MINUS SIGN}3.50 and +3.50")),)
    assert chart.svg.count('class="chart-boundary"') == 2


def test_what_is_beyond_the_scale_ends_at_its_edge():
    svg = column_chart("A", "", [Column("wide", -9.0, 9.0)], Scale(-1.0, 1.0))
    assert 'y="0.00"' in svg
    assert 'height="100.00"' in svg
