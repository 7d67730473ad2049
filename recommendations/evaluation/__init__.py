"""Offline evaluation of recommenders: metrics of a replayed history, and advice on the recommender to use.

- `evaluate`: the entry point; `build_report` computes the `report`.
- `bootstrap`: confidence intervals; `baselines`: recommenders for comparison; `explain`: a fitted model's predictors.
- `training`: fits the models to the coupons, and activates them unless the active ones score higher.
- `outcome_metrics`: the choice among an event's outcomes.
- `html`, `text`: rendering; `store`: the latest reports in a casino's database.
"""
