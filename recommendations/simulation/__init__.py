"""Generates data: simulated histories for evaluation, and dummies for demos and tests.

- `simulate`: a casino's history with known user preferences; `into_casino` stores it in a database.
- `dummies`: random users, events and coupons; `impressions`: random impressions of served recommendations.
"""
