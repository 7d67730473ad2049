"""Replaying a casino's history, for evaluation and training, with the code that serves.

- `history`: the input; `casino_history` and `csv_files` read it;
  `csv_outcomes`, `casino_outcomes`: outcomes of markets in them.
- `replay`: the loop, with `replay_result`; `replayed_state` and `serving_inputs`: the state and the recommenders'
  inputs before each bet.
- `outcome_cases`: the choice among an event's outcomes before each bet that names one.
- `learner`: fitting models during the replay.
- `calibrating_slips`: the slips that confidence is calibrated to; `shown_slips`: which of all shown ones held a bet.
- `slip_quality`, `decayed_sums`: diversity and rule violations of slips; sums for trends.
"""
