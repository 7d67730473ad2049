"""Validation of the rows that casinos send.

- `rows`: validated users, events, coupons, served recommendations and removals.
- `fields`: validation of single fields.
- `normal_form`: the normal forms of text.
- `times`: the forms of times.
- `settings_limits`: the settings that both depend on.
"""
