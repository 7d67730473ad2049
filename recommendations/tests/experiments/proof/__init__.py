"""Proof of the statistics of experiments, on made-up casinos with known effects.

`python -m recommendations.tests.experiments.proof` (make experiments) runs thousands of experiments through the
functions for real ones, and counts false positives, found effects, and intervals that cover the truth.
"""
