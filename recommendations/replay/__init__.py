"""Replaying a casino's history, for evaluation and training, with the code that serves.

- `history`: the input; `casino_history` and `csv_files` read it.
- `replay`: the loop; `replayed_state` and `serving_inputs`: the state and the recommenders' inputs before each bet.
- `learner`: fitting models during the replay.
- `slip_quality`, `decayed_sums`: diversity and rule violations of slips; sums for trends.
"""
