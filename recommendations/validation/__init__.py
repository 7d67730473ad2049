"""Validation of the rows that casinos send, and the one form of what they compare.

- `rows`: validated users, events, coupons, served recommendations and removals.
- `changes`: the fields of a partial or damaged message about a stored row.
- `fields`: validation of single fields; `settings_limits`: the settings that it depends on.
- `impressions`: what users saw and clicked; `placements`: the names of places where they did.
- `own_ids`: the casinos' own ids, numbers and text.
- `normal_form`: the normal forms of text; `times`: the forms of times; `status_words`: the words for a status.
- `identity`: the keys of leagues, teams and matches, and of rows without an id of the casino.
- `strict_json`: JSON in one meaning only.
"""
