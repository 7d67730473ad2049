"""Which recommendation a bet came from, and what each recommender sold.

- `rule`: the rule, as one statement; `user_days`: the sums of a user's day; `day_sums`: the sums of a day.
- `notes`: what is due, and the lock of all that changes these tables; `job`: the steps that do it.
- `backfill`: notes for stored coupons and answers; `pruning`: deletes old rows.
- `figures`: the report, for the page, the command and the API.
"""
