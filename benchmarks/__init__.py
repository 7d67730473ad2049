"""Benchmarks, run by `make bench`; results are ratios within one run on one machine. Not tests."""

import os

os.environ.setdefault("EMBEDDED_POSTGRES", "1")
