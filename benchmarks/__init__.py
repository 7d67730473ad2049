"""Benchmarks, run by `make bench`. They are no tests; results are ratios within one run on one machine."""

import os

os.environ.setdefault("EMBEDDED_POSTGRES", "1")
