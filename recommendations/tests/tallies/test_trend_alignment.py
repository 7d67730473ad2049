"""Trends in the order of an offer's values, as the offer grows."""

from recommendations.offer import Column
from recommendations.tallies.trends import Trends


class AskedFor(dict[str, float]):
    """Numbers of values that notes which values it is asked for."""

    def __init__(self, **numbers: float) -> None:
        super().__init__(numbers)
        self.values_asked_for: list[str] = []

    def get(self, value, default=None):
        self.values_asked_for.append(value)
        return super().get(value, default)


def test_only_the_new_values_of_a_grown_offer_are_looked_up():
    numbers = AskedFor(A=1.0, NEW=3.0, GONE=5.0)
    trends = Trends(recent={"league": numbers})
    first = Column.of(["A", "B"] * 100)
    assert list(trends.of_column("league", first)) == [1.0, 0.0] * 100
    numbers.values_asked_for.clear()
    grown = Column.of(["NEW", "A", "B"], first.dictionary)
    assert list(trends.of_column("league", grown)) == [3.0, 1.0, 0.0]
    assert numbers.values_asked_for == ["NEW"]
    assert list(trends.of_column("league", first)) == [1.0, 0.0] * 100


def test_another_offer_s_dictionary_gets_its_own_alignment():
    trends = Trends(recent={"league": {"A": 1.0, "B": 2.0}})
    for values, expected in ((["A", "B"], [1.0, 2.0]), (["B", "A", "C"], [2.0, 1.0, 0.0]), (["B"], [2.0])):
        assert list(trends.of_column("league", Column.of(values))) == expected
