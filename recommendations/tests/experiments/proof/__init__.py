"""Proof of the statistics of experiments, on made-up casinos whose truth is known.

`python -m recommendations.tests.experiments.proof` (make experiments) runs thousands of experiments through the
functions that judge real ones, and counts false alarms, effects found, and intervals that hold.
"""
