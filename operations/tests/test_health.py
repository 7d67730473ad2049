"""Readiness is checked by one thread at a time, and a check that hangs does not pass for the last result."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from operations.health import OK, Readiness, ReadinessCheck
from tenants.tests.waiting import wait_until

READY = Readiness({"catalogue": OK})


class Parts:
    """The checked parts: ready, but one may hang."""

    def __init__(self) -> None:
        self.hangs_in = threading.Event()
        self.resumed = threading.Event()
        self.resumed.set()

    def check(self) -> Readiness:
        if not self.resumed.is_set():
            self.hangs_in.set()
            self.resumed.wait(60)
        return READY

    def hang(self) -> None:
        self.resumed.clear()


@contextmanager
def hanging_check(most_seconds):
    """A check that hangs inside the block, after one that was ready."""
    parts = Parts()
    readiness = ReadinessCheck(parts.check, most_seconds)
    assert readiness.get().is_ready
    parts.hang()
    readiness.reset()
    with ThreadPoolExecutor(1) as executor:
        hanging = executor.submit(readiness.get)
        try:
            parts.hangs_in.wait(60)
            yield readiness
        finally:
            parts.resumed.set()
        assert hanging.result(60) == READY


def test_process_whose_check_hangs_becomes_unready_until_it_ends():
    with hanging_check(most_seconds=0.2) as readiness:
        wait_until(lambda: not readiness.get().is_ready)
        assert readiness.get().parts == {"catalogue": "unavailable"}
        assert readiness.get().status == "unready"
    assert readiness.get() == READY


def test_last_result_is_given_while_a_check_takes_no_longer_than_it_may():
    with hanging_check(most_seconds=60) as readiness:
        assert readiness.get() == READY
