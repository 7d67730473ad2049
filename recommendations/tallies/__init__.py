"""Tallies: counts and decayed weights of the selections that users bet on.

- `user_tallies`: one user's tallies; `user_tallies_sql`: how they are read from the database;
  `tallies_cache`: what requests made of those of the last users.
- `outcome_bets`: a user's recent bets on outcomes of markets, as they are packed.
- `outcome_keys`: what they count of selections that name the outcome of a market.
- `trends`: a casino's tallies as popularity and base rates; `trend_cache`: the same, cached with a TTL.
- `statistics`: totals, top values and latencies for a casino's page of the dashboard.
"""
