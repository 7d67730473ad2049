"""Counts the outcomes that a casino offers, to distinguish popular outcomes from frequently offered ones."""

from collections import defaultdict
from datetime import datetime

from recommendations.tallies.outcome_keys import OFFERED_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.selections import BAND_BOUNDS
from tenants.routing.connections import query

from .casino_tallies import write_values

_EVENTS = 200  # sample size: with 100 markets each, counting takes a tenth of a second

# Open outcomes of coming events, grouped by their attributes. Parameters: the time, the number of events, the bounds of
# the odds bands.
_OFFERED = """
WITH sampled AS (
    SELECT id, sport FROM events
    WHERE EXISTS (SELECT FROM markets) AND status = 'OPEN' AND NOT is_withheld AND end_timestamp > %s
      AND EXISTS (SELECT FROM markets WHERE markets.event_id = events.id)
    ORDER BY random() LIMIT %s
)
SELECT sampled.sport, line.market, line.line, line.outcomes[price.number],
    width_bucket(price.odd / 1000.0::float8, %s::float8[]), count(*)
FROM sampled JOIN markets ON markets.event_id = sampled.id JOIN market_lines AS line ON line.id = markets.line_id,
    LATERAL unnest(markets.odds) WITH ORDINALITY AS price (odd, number)
WHERE markets.status = 'open' AND price.odd > 1000 AND line.outcomes[price.number] IS NOT NULL
GROUP BY 1, 2, 3, 4, 5
"""


def count_offered_outcomes(now: datetime) -> None:
    """Add the outcomes that the current casino offers, from a sample of its events, to its tallies. Without markets, it
    only reads an empty table."""
    offered: defaultdict[tuple[str, str], int] = defaultdict(int)
    for sport, market, line, outcome, odds_band, number in query(_OFFERED, [now, _EVENTS, [*BAND_BOUNDS]]):
        keys = (*keys_of_outcome(sport, market, line_band(line), outcome), key_of_odds_band(sport, odds_band))
        for key in zip(OFFERED_ATTRIBUTES, keys, strict=True):
            offered[key] += number
    sums = {key: (number, float(number), 0.0) for key, number in offered.items()}
    write_values(now.timestamp(), sums)
