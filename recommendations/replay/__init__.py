"""Replays a casino's history, for evaluation and training, with the code that serves requests.

- `history`: the input; `casino_history` and `csv_files` read it; `csv_outcomes`, `casino_outcomes` read outcomes of
  markets.
- `replay`: the loop, with `replay_result`; `replayed_state` and `serving_inputs`: the state and the recommenders'
  inputs before each bet.
- `outcome_cases`: the choice among an event's outcomes before each bet that names one.
- `learner`: fitting models during the replay.
- `calibrating_slips`: the slips to which confidence is calibrated; `shown_slips`: all slips, with the bets on their
  events.
- `slip_quality`, `decayed_sums`: diversity and rule violations of slips; sums for trends.
"""
