"""Tallies: counts and decayed weights of users' selections.

- `user_tallies`: one user's tallies; `packed_tallies`: their stored format; `user_tallies_sql`: SQL that reads them;
  `tallies_cache`: results that requests computed from the tallies of recent users.
- `outcome_bets`: a user's recent bets on outcomes of markets, in packed form.
- `outcome_keys`: the tallied values of selections that name the outcome of a market.
- `trends`: a casino's tallies as popularity and base rates; `trend_cache`: the same, cached with a TTL.
- `statistics`: totals, top values and latencies for a casino's page of the dashboard.
"""
