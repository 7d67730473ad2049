"""Requiring that something does not wait."""

import itertools
import time

import pytest

from .waiting import require_quick


def test_what_waits_each_time_is_not_quick():
    with pytest.raises(AssertionError, match=r"not less than 0\.01 s"):
        require_quick(lambda: time.sleep(0.02), 0.01)


def test_what_was_stopped_once_is_quick():
    seconds = itertools.chain([0.3], itertools.repeat(0.0))
    require_quick(lambda: time.sleep(next(seconds)), 0.2)
