"""Validation of the rows that casinos send.

- `rows`: validated users, events, coupons, served recommendations and removals.
- `fields`: validation of single fields.
- `settings_limits`: the settings that both depend on.
"""
