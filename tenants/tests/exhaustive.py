"""The number of examples, requests, .. of a test with a small and a full form.

`make test` runs the sample; `make test-all` sets EXHAUSTIVE=1 and runs the full form. Such a test is marked `scaled`. A
long test without a small form is marked `exhaustive`: only `make test-all` runs it.
"""

import os
from collections.abc import Collection
from itertools import product
from typing import Any

IS_EXHAUSTIVE = os.environ.get("EXHAUSTIVE") == "1"


def scaled(sample: int, full: int) -> int:
    """The number of examples, requests, .. for this run."""
    return full if IS_EXHAUSTIVE else sample


def grid(*axes: Collection[Any]) -> list[tuple[Any, ...]]:
    """All combinations of the values of two or more axes; in a sample a half or a third of them, in which each value
    occurs."""
    step = scaled(min(3, *map(len, axes)), 1)
    found = product(*map(enumerate, axes))
    return [tuple(value for _, value in each) for each in found if sum(index for index, _ in each) % step == 0]
