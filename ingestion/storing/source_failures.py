"""Tells one source's failures from failures of nearly all sources, whose cause is not theirs."""

import time

SEVERAL = 3  # so that two casinos together can't stop a consumer
NEARLY_ALL = 0.9
RECENT_SECONDS = 600.0

Source = int | None  # a casino's id; None: messages without a known casino


class SourceFailures:
    """The sources of the last ten minutes, and why some of them fail now."""

    def __init__(self) -> None:
        self._seen_at: dict[Source, float] = {}
        self._reasons: dict[Source, str] = {}

    def record_failure(self, source: Source, reason: str) -> None:
        self._seen_at[source] = time.monotonic()
        self._reasons[source] = reason

    def record_success(self, source: Source) -> None:
        self._seen_at[source] = time.monotonic()
        self._reasons.pop(source, None)

    def reasons_if_shared(self) -> dict[Source, str]:
        """The reasons of the failing sources if these are several and nearly all; else empty."""
        self._forget_old()
        failing = len(self._reasons)
        is_shared = failing >= SEVERAL and failing >= NEARLY_ALL * len(self._seen_at)
        return dict(self._reasons) if is_shared else {}

    def _forget_old(self) -> None:
        before = time.monotonic() - RECENT_SECONDS
        for source in [each for each, seen_at in self._seen_at.items() if seen_at < before]:
            del self._seen_at[source]
            self._reasons.pop(source, None)


def listed(sources: dict[Source, str]) -> str:
    """The sources by name, at most ten."""
    names = ["messages without a known casino" if each is None else f"casino {each}" for each in sources]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
