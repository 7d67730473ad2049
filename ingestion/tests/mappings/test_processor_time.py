"""The processor's time is bounded, and waiting does not count."""

import time
from math import inf

from ingestion.mappings.processor_time import ProcessorTime


def use(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_used_time_counts_and_waiting_does_not():
    bound = ProcessorTime(0.05)
    assert not bound.is_over()
    time.sleep(0.06)
    assert not bound.is_over()
    use(0.06)
    assert bound.is_over()
    assert bound.used > 0.05


def test_without_a_bound_it_is_never_over():
    bound = ProcessorTime(inf)
    use(0.01)
    assert not bound.is_over()
