"""Attribution of bets to recommendations, and each recommender's sales.

- `rule`: the rule, as one statement; `user_days`: the sums of a user's day; `day_sums`: the sums of a day.
- `notes`: the queue of the job, and the lock for all changes of these tables; `job`: the steps of the job.
- `backfill`: queues stored coupons and answers; `pruning`: deletes old rows.
- `sales`: the report, for the page, the command and the API.
"""
