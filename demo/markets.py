"""The markets of a demo fixture: the winner, totals and handicaps, priced by a bookmaker with a margin."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import exp
from statistics import NormalDist

from ingestion.producers.odds_feed import PRODUCER
from recommendations.models import MarketStatus
from recommendations.validation.markets import MarketRow, OddsRow, market_row

from .fixtures import Fixture
from .odds import odd_of, result_probabilities, strength

# Points of both teams together: mean and standard deviation.
_TOTALS = {"FOOTBALL": (2.7, 1.6), "HANDBALL": (57.0, 6.0), "BASKETBALL": (161.0, 15.0)}
_TOTAL_LINES = {"FOOTBALL": (1.5, 2.5, 3.5), "HANDBALL": (54.5, 57.5), "BASKETBALL": (155.5, 160.5, 165.5)}
_HANDICAP_LINES = {"HANDBALL": (-2.5,), "BASKETBALL": (-4.5, 4.5)}
_POINTS_PER_LOGIT = {"HANDBALL": 4.0, "BASKETBALL": 8.0}
_PACE = 0.04  # spread of a team's pace
_SPREAD_OF_DIFFERENCE = {"HANDBALL": 6.0, "BASKETBALL": 12.0}


def fixture_odds(fixture: Fixture, *, margin: float, as_of: datetime) -> OddsRow:
    """All markets of the fixture, from the producer whose feed changes their prices."""
    rows = tuple(_row(*named, margin=margin) for named in _markets(fixture))
    return OddsRow(producer=PRODUCER, timestamp=as_of, markets=rows, is_complete=True)


def _markets(fixture: Fixture) -> Iterator[tuple[str, str, Mapping[str, float]]]:
    """Yield market, line, and the probability of each outcome."""
    sport = fixture.sport
    results = result_probabilities(sport, fixture.home_team, fixture.away_team)
    yield ("1X2" if results["DRAW"] else "WINNER"), "", {name: each for name, each in results.items() if each}
    mean, deviation = _TOTALS[sport]
    pace = exp(_PACE * sum(strength(sport, f"pace of {team}") for team in (fixture.home_team, fixture.away_team)))
    total = NormalDist(mean * pace, deviation)
    for line in _TOTAL_LINES[sport]:
        yield "TOTALS", f"{line:g}", _over_under(1 - total.cdf(line))
    if sport == "FOOTBALL":
        yield "BOTH TEAMS TO SCORE", "", {"YES": (both := 0.52 * pace**0.5), "NO": 1 - both}
    ahead = strength(sport, fixture.home_team) - strength(sport, fixture.away_team)
    for line in _HANDICAP_LINES.get(sport, ()):
        difference = NormalDist(ahead * _POINTS_PER_LOGIT[sport], _SPREAD_OF_DIFFERENCE[sport])
        home = 1 - difference.cdf(-line)
        yield "HANDICAP", f"{line:g}", {"HOME": home, "AWAY": 1 - home}


def _over_under(over: float) -> dict[str, float]:
    return {"OVER": over, "UNDER": 1 - over}


def _row(market: str, line: str, probabilities: Mapping[str, float], *, margin: float) -> MarketRow:
    priced = ((name, int(odd_of(each, margin=margin) * 1_000)) for name, each in probabilities.items())
    return market_row(market, line, MarketStatus.OPEN, priced)
