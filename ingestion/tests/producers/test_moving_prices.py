"""Dummy prices: they walk, keep the margin and the order of lines, stop, and settle with goals."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.producers.moving_prices import MARGIN, MovingPrices, line_of_odds, random_lines

pytestmark = pytest.mark.slow

BEGIN = datetime(2050, 6, 1, 18, tzinfo=UTC)
END = BEGIN + timedelta(hours=2)
OPEN_LINES = (("1.5", 1.3, 3.5), ("2.5", 1.95, 1.85), ("3.5", 3.2, 1.35))


def totals():
    return [line_of_odds("TOTALS", line, ("OVER", "UNDER"), odds) for line, *odds in OPEN_LINES]


def messages(prices, moment, count=2_000):
    rng = random.Random(3)
    return [prices.change(rng, moment) for _ in range(count)]


def odds_of(message):
    return {
        (market["market"], market.get("line", "")): [each["odd"] for each in market["outcomes"]]
        for market in message["markets"]
    }


def test_stored_odds_are_where_the_walk_begins():
    sent = odds_of(MovingPrices("FOOTBALL", BEGIN, END, totals()).all_markets())
    assert sent == {("TOTALS", line): odds for line, *odds in OPEN_LINES}


@pytest.mark.covered
@pytest.mark.parametrize("sport", ["FOOTBALL", "HANDBALL", "TENNIS"])
def test_prices_walk_and_keep_their_margin(sport):
    prices = MovingPrices(sport, BEGIN, END, random_lines(sport, random.Random(1)))
    sent = [odds_of(each) for each in messages(prices, BEGIN - timedelta(hours=1)) if "markets" in each]
    for line in {line for each in sent for line in each}:
        seen = [each[line] for each in sent if line in each]
        assert len({*map(tuple, seen)}) > 10
        assert all(sum(1 / odd for odd in odds) == pytest.approx(MARGIN, abs=0.02) for odds in seen)


def test_a_higher_line_is_never_more_likely():
    prices = MovingPrices("FOOTBALL", BEGIN, END, totals())
    for message in messages(prices, BEGIN - timedelta(hours=1)):
        if "markets" in message:
            overs = [over for over, _ in odds_of(message).values()]
            assert overs == sorted(overs)


def test_all_markets_follow_a_stop():
    prices = MovingPrices("FOOTBALL", BEGIN, END, random_lines("FOOTBALL", random.Random(1)))
    sent = messages(prices, BEGIN - timedelta(hours=1))
    stops = [number for number, each in enumerate(sent[:-1]) if "stop" in each]
    assert len(stops) > 10
    assert all(len(sent[number + 1]["markets"]) == 4 for number in stops)


def test_goals_settle_totals_of_football_in_play_alone():
    def settled(sport, moment):
        prices = MovingPrices(sport, BEGIN, END, totals())
        sent = messages(prices, moment)
        return {
            market["line"]
            for each in sent
            for market in each.get("markets", ())
            if market.get("status") == "settled" and prices.goals
        }

    assert settled("FOOTBALL", BEGIN) == {"1.5", "2.5", "3.5"}
    assert (
        settled("FOOTBALL", BEGIN - timedelta(minutes=1)) == settled("FOOTBALL", END) == settled("ICE", BEGIN) == set()
    )
