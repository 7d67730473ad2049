"""Speed, measured as ratios taken in one run on one machine. Not tests: run by `make bench`."""
