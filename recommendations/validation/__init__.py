"""Validates the rows that casinos send, and gives compared values one normal form.

- `rows`: validated users, events, coupons, served recommendations and removals.
- `changes`: the fields of a partial or damaged message about a stored row.
- `fields`: validation of single fields; `settings_limits`: limits from the settings.
- `impressions`: impressions of recommendations; `placements`: the names of places where casinos show them.
- `own_ids`: the casinos' own ids, numbers and text.
- `normal_form`: the normal forms of text; `times`: the forms of times; `status_words`: the words for a status.
- `identity`: the keys of leagues, teams and matches, and of rows without an id of the casino.
- `strict_json`: JSON without ambiguities.
"""
