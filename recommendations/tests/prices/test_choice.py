"""The slip of a casino with markets is what a plain reading of the rules gives, an event and an outcome at a time."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.offer import OWN_ODD
from recommendations.prices.choice import OutcomeChooser
from recommendations.prices.event_prices import packed_prices
from recommendations.prices.feeds import Feeds, Producer
from recommendations.prices.lines import Lines
from recommendations.recommenders.base import BettingProfile
from recommendations.recommenders.outcome_choice import OfferedOutcomes, outcome_preferences, score_outcomes
from recommendations.serving.legs import Search
from recommendations.serving.options import Options
from recommendations.serving.outcome_rules import PreferenceScorer
from recommendations.serving.slip import Rules
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.trends import Trends
from recommendations.tests.factories import offer_of
from recommendations.tests.prices.test_gate import (
    LINES,
    MARKETS,
    NOW,
    OUTCOMES,
    many_rules,
    may_serve,
    producers,
    rows,
    rules,
)

SPORTS = ("FOOTBALL", "HANDBALL")
NAMED = {1: ("1X2", "", ("HOME", "DRAW", "AWAY")), 2: ("TOTALS", "2.5", ("OVER", "UNDER"))}
BEGINS = datetime.fromtimestamp(NOW, UTC)
ALIKE = 1e-9  # of scores that only rounding distinguishes


@dataclass
class PricesOf:
    """The prices that an event, by id, has."""

    rows: dict[int, list[Any]]
    feeds: Feeds
    lines: Lines = LINES

    def of(self, event_ids):
        return {event_id: packed_prices(columns_of(self.rows[event_id]), LINES) for event_id in event_ids}


def columns_of(of_event) -> Any:
    return [list(column) for column in zip(*of_event, strict=True)] or [[], [], [], [], []]


bets = st.dictionaries(
    st.tuples(st.sampled_from(SPORTS), st.sampled_from([*NAMED]), st.integers(0, 1), st.integers(0, 10)),
    st.floats(0.1, 50),
    max_size=5,
)


def tally_of(of_bets):
    tally: dict[str, dict[str, float]] = {attribute: {} for attribute in OUTCOME_ATTRIBUTES}
    for (sport, line_id, outcome, band), weight in of_bets.items():
        market, line, outcomes = NAMED[line_id]
        keys = (*keys_of_outcome(sport, market, line_band(line), outcomes[outcome]), key_of_odds_band(sport, band))
        for attribute, key in zip(OUTCOME_ATTRIBUTES, keys, strict=True):
            tally[attribute][key] = tally[attribute].get(key, 0.0) + weight
    return tally


def bets_of(of_bets):
    found = []
    for (sport, line_id, outcome, band), weight in of_bets.items():
        market, line, outcomes = NAMED[line_id]
        found.append((weight, (sport, market, line, outcomes[outcome]), band))
    return found


@dataclass
class Given:
    """Events in the order of their scores: the rows of each, its sport, whether it is in play, and the producers that
    are said to offer it, `OWN_ODD` for an event without markets."""

    events: list[tuple[list[Any], str, bool, int]]
    feeds: Feeds
    rules: Any
    limit: int
    max_per_market: int | None
    profile: BettingProfile
    trends: Trends


open_rows = st.sampled_from([*NAMED]).flatmap(
    lambda line_id: st.tuples(
        st.just(line_id),
        st.just(0),
        st.just("open"),
        st.sampled_from([NOW, NOW - 5]),
        st.lists(
            st.sampled_from([1_400, 1_500, 2_000, 3_000, 0]), min_size=OUTCOMES[line_id], max_size=OUTCOMES[line_id]
        ),
    )
)
believed = st.just([Producer(0, "P", False, True, 1.0, 0.0)])
events = st.tuples(
    st.lists(rows, max_size=4) | st.lists(open_rows | open_rows | rows, min_size=1, max_size=4),
    st.sampled_from(SPORTS),
    st.booleans(),
    st.sampled_from([0b1111] * 3 + [OWN_ODD]),
)
given_events = st.builds(
    Given,
    st.lists(events, min_size=1, max_size=7),
    (believed | believed | st.lists(producers, max_size=4)).map(
        lambda found: Feeds(NOW, {each.code: each for each in found})
    ),
    rules,
    st.integers(1, 3),
    st.sampled_from([None, None, 1]),
    bets.map(lambda own: BettingProfile(bets=bets_of(own))),
    bets.map(lambda own: Trends(weights=tally_of(own))),
)


def served(case: Given):
    times = {True: BEGINS - timedelta(minutes=5), False: BEGINS + timedelta(hours=1)}
    offer = offer_of(
        *(
            {"sport": sport, "begin_timestamp": times[is_live], "end_timestamp": BEGINS + timedelta(hours=3), "odd": 2}
            for _, sport, is_live, _ in case.events
        )
    )
    offer = replace(offer, offered_by=np.array([offered_by for *_, offered_by in case.events], np.int32))
    options = Options(live_events=True, max_per_market=case.max_per_market)
    prices = PricesOf({place + 1: each[0] for place, each in enumerate(case.events)}, case.feeds)
    chooser = OutcomeChooser(prices, case.rules, PreferenceScorer(case.profile, case.trends, prices.lines))
    scores = -np.arange(len(case.events), dtype=np.float64)
    return Search(offer, scores, Rules(now=NOW, limit=case.limit, options=options), chooser).run()


def open_outcomes(case: Given, of_event, is_live, full):
    """(line id, outcome's name, odd, as of, producer) of those that the rules allow."""
    return [
        (row[0], NAMED[row[0]][2][number], odd, row[3], row[1])
        for row in of_event
        if row[0] in MARKETS and len(row[4]) == OUTCOMES[row[0]]
        for number, odd in enumerate(row[4])
        if may_serve(row, odd, case.feeds, case.rules, is_live, full)
    ]


@pytest.mark.no_cover
@many_rules
@given(given_events)
def test_each_leg_is_the_best_outcome_that_the_rules_allow(case):
    found = served(case)
    markets: list[str] = []
    expected: list[int] = []
    for place, (of_event, sport, is_live, offered_by) in enumerate(case.events):
        full = {
            each for each in markets if case.max_per_market is not None and markets.count(each) >= case.max_per_market
        }
        allowed = open_outcomes(case, of_event, is_live, full)
        if len(expected) == case.limit or (offered_by != OWN_ODD and not allowed):
            continue
        expected.append(place)
        if offered_by == OWN_ODD:
            continue
        leg = found.legs[place]
        chosen = [(line_id, name, odd / 1_000, as_of) for line_id, name, odd, as_of, _ in allowed]
        line_id = next(number for number, (market, line, _) in NAMED.items() if (market, line) == leg.outcome[:2])
        assert (line_id, leg.outcome.outcome, leg.odd, leg.priced_at) in chosen
        best = best_of(case, sport, chosen)
        assert (line_id, leg.outcome.outcome, leg.odd) in best
        markets.append(leg.outcome.market)
    assert found.places == expected
    assert set(found.legs) == {place for place in expected if case.events[place][3] != OWN_ODD}
    assert not found.passed_over.keys() & set(found.places)


def best_of(case: Given, sport, allowed):
    """Those with the best score; the first one, where others have the same."""
    markets, lines = [NAMED[line_id][0] for line_id, *_ in allowed], [NAMED[line_id][1] for line_id, *_ in allowed]
    odds: Any = np.array([odd for _, _, odd, _ in allowed])
    offered = OfferedOutcomes(sport, markets, lines, [name for _, name, *_ in allowed], odds)
    scores = score_outcomes(outcome_preferences(case.profile, case.trends, sport), offered)
    best = [each[:3] for each, score in zip(allowed, scores, strict=True) if score >= scores.max() - ALIKE]
    return best[:1] if np.ptp(scores[scores >= scores.max() - ALIKE]) == 0 else best
