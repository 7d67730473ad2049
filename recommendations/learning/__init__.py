"""Fitting models to training cases from a casino's history.

- `cases`: training cases; `model_selection`: choosing between the kinds of models.
- `conditional_logit`, `lambdarank`: the two fitted kinds.
- `user_vectors`: collaborative filtering.
"""
