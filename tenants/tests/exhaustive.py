"""The number of examples, requests, .. of a test that can run with few or with many.

`make test` runs a sample; `make test-all` sets EXHAUSTIVE=1 and runs all of it. Such a test is marked `scaled`. A long
test without a smaller form is marked `exhaustive`: only `make test-all` runs it.
"""

import os

IS_EXHAUSTIVE = os.environ.get("EXHAUSTIVE") == "1"


def scaled(sample: int, full: int) -> int:
    """The number of examples, requests, .. for this run."""
    return full if IS_EXHAUSTIVE else sample
