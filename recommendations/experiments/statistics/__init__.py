"""The statistics of experiments: pure functions of sums over users, without database and clock."""
