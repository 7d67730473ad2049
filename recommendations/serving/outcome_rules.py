"""The options, filters and profile of a request, for the gate and the choice of outcomes."""

from math import inf

import numpy as np

from recommendations.prices.lines import Lines, Outcome
from recommendations.prices.price_rules import PriceRules
from recommendations.recommenders.base import BettingProfile
from recommendations.recommenders.numbered_outcomes import NumberedPreferences, key_weights
from recommendations.recommenders.outcome_choice import OfferedOutcomes, outcome_preferences, outcome_reasons
from recommendations.tallies.trends import Trends

from .options import Options
from .request_filters import RequestFilters


def price_rules(options: Options, filters: RequestFilters, now: float) -> PriceRules:
    """The rules of a request at `now` (Unix seconds). Bounds are the narrower of the options' and the filters'."""
    max_age, max_live_age = options.max_price_age_seconds, options.max_live_price_age_seconds
    return PriceRules(
        now=now,
        min_odd=max(options.min_odd, filters.min_odd),
        max_odd=min(options.max_odd, filters.max_odd),
        feed_silence_seconds=options.feed_silence_seconds,
        max_age_seconds=inf if max_age is None else max_age,
        max_live_age_seconds=inf if max_live_age is None else max_live_age,
        blocked_markets=frozenset(options.blocked.markets),
        only_markets=frozenset(options.only_markets),
        requested_markets=filters.markets,
        trust_after_silence=options.trust_after_silence,
    )


class PreferenceScorer(NumberedPreferences):
    """Scores outcomes within a sport, from the user's and the casino's selections."""

    def __init__(self, profile: BettingProfile, trends: Trends, lines: Lines) -> None:
        super().__init__(profile, key_weights(trends, lines.outcomes, lines.derived))
        self._trends = trends

    def reasons(self, sport: str, outcome: Outcome, odd: float) -> tuple[str, ...]:
        market, line, name = outcome
        preferences = outcome_preferences(self._profile, self._trends, sport)
        return outcome_reasons(preferences, OfferedOutcomes(sport, [market], [line], [name], np.array([odd])), 0)
