"""Storing functions: they write validated rows to the current casino's database, in bulk and idempotently.

Each function takes rows of one kind, and returns an Outcome for each row, in their order. One call is one transaction;
rows are written sorted by key, so that concurrent calls can't deadlock. Other packages import from here.

- `upsert`: writes rows of one table, and orders rows with the same key; `upsert_sql`: the SQL that decides which of two
  messages' values are stored.
- `changes`: applies partial and damaged messages; `waiting_changes`: changes that arrive before their row.
- `restrictions`: stores restrictions early, from messages that wait for earlier ones.
- `learnt_values`: the sports, currencies and genders in a casino's messages.
- `same_event`: finds the stored event of a row without an id; `same_match`: links two ids of one match.
- `coupon_sql`: the SQL that stores coupons and counts them in profiles.
- `user_tallies`, `casino_tallies`: merge coupons into tallies; `rebuild`: recounts tallies; `offered_outcomes`: counts
  the offered outcomes of markets.
- `markets`: prices of markets, their closings, and feeds; its parts are `market_lines`, `market_rows`, `market_stops`,
  `feeds`, `offered_by`.
- `impressions`: the first time that users saw or clicked recommendations.
- `removal`: removals by the casino; `erasure`: erases a user (GDPR); `privacy`: erases and exports a user, with a
  record in the catalogue; `rows_of_users`: users' rows in tables of apps above this one.
"""

from .casino_tallies import MERGE_SECONDS, merge_casino_sums, prune_casino_tallies
from .coupons import store_coupons
from .events import TeamKey, store_events, store_teams
from .impressions import prune_impressions, store_impressions
from .markets import FEED_SILENCE, forget_partition, prune_markets, store_odds
from .offered_outcomes import count_offered_outcomes
from .outcomes import Outcome, Result
from .rebuild import rebuild_casino_tallies, rebuild_profiles
from .restrictions import restrict_events, restrict_odds, restrict_users
from .served import prune_recommendations, store_recommendations
from .users import store_users
from .waiting_coupons import take_expired_coupons

__all__ = [
    "FEED_SILENCE",
    "MERGE_SECONDS",
    "Outcome",
    "Result",
    "TeamKey",
    "count_offered_outcomes",
    "forget_partition",
    "merge_casino_sums",
    "prune_casino_tallies",
    "prune_impressions",
    "prune_markets",
    "prune_recommendations",
    "rebuild_casino_tallies",
    "rebuild_profiles",
    "restrict_events",
    "restrict_odds",
    "restrict_users",
    "store_coupons",
    "store_events",
    "store_impressions",
    "store_odds",
    "store_recommendations",
    "store_teams",
    "store_users",
    "take_expired_coupons",
]
