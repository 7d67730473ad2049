"""Limits log lines about rejected requests and messages, since their senders can cause any number of them."""

import logging
import threading
import time

from tenants.process_state import register

LINES_A_MINUTE = 60  # of each kind
_KINDS = 1_000
_SECONDS = 60.0
_REJECTED_MESSAGES = "ingestion.dead_letters.write"


class SamplingFilter(logging.Filter):
    """Passes the first lines of each kind in a minute. Kinds: lines of the access log by status and route, Django's
    warnings by text, rejected messages (which are all dead letters) by casino and reason. The first line after
    that minute contains the number of dropped lines. Lines about successes and errors all pass."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()
        _filters.append(self)

    def reset(self) -> None:
        self._guard = threading.Lock()
        self._passed: dict[object, int] = {}
        self._until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        kind = _kind(record)
        if kind is None:
            return True
        with self._guard:
            if time.monotonic() >= self._until:
                left_out = sum(max(count - LINES_A_MINUTE, 0) for count in self._passed.values())
                self._passed, self._until = {}, time.monotonic() + _SECONDS
                if left_out:
                    record.msg = f"{record.msg} ({left_out} earlier lines about rejections were dropped)"
            if len(self._passed) >= _KINDS:
                kind = "other"
            self._passed[kind] = self._passed.get(kind, 0) + 1
            return self._passed[kind] <= LINES_A_MINUTE


_filters: list[SamplingFilter] = []


def _reset() -> None:
    for each in _filters:
        each.reset()


register("sampled lines of the log", reset=_reset)


def _kind(record: logging.LogRecord) -> object:
    """The key that similar lines share; None for lines that always pass."""
    if record.name == "access":
        status = getattr(record, "status", 0)
        return (status, getattr(record, "route", "")) if 400 <= status < 500 else None
    if record.name == _REJECTED_MESSAGES:
        return _REJECTED_MESSAGES, getattr(record, "casino", None), getattr(record, "reason", "")
    is_rejection = record.levelno == logging.WARNING or record.name.startswith("django.security")
    if record.name.startswith("django.") and is_rejection:
        return record.name, record.msg if record.args else ""
    return None
