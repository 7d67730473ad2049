"""Bounds the open dead letters of each casino and of the catalogue, so that garbage does not fill a server's disk."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum

from ingestion.errors import DeadLettersFull
from tenants.models.dead_letter import DeadLetterColumns, DeadLetterState
from tenants.numbers import counted

MEASURE_SECONDS = 30.0


@dataclass(slots=True)
class _Measure:
    """The number and bytes of open dead letters, at a time of time.monotonic()."""

    count: int
    size: int
    at: float


class DeadLetterBounds:
    """Rejects further dead letters of a casino that has `factor` times `DEAD_LETTERS` or `DEAD_LETTER_BYTES` open ones.

    Measures at intervals: dead letters of other processes count within half a minute, and a batch may exceed the bound.
    """

    def __init__(self, factor: int = 1) -> None:
        self._factor = factor
        self._measures: dict[int | None, _Measure] = {}

    def require_capacity(self, casino_id: int | None, letters: Any) -> None:
        """Raises DeadLettersFull if the bound is reached. `letters` is the queryset of all of the casino's; None is the
        catalogue."""
        measure = self._measures.get(casino_id)
        if measure is None or self._is_full(measure) or time.monotonic() - measure.at > MEASURE_SECONDS:
            measure = self._measures[casino_id] = _measure(letters)
        if self._is_full(measure):
            owner = "The catalogue" if casino_id is None else f"Casino {casino_id}"
            option = "" if casino_id is None else f" --casino {casino_id}"
            raise DeadLettersFull(
                f"{owner} has {counted(measure.count, 'open dead letter')} of {measure.size} bytes (DEAD_LETTERS, "
                f"DEAD_LETTER_BYTES), so further messages are parked: see `manage.py dead_letters list{option}`, then "
                "replay or purge them"
            )

    def add(self, casino_id: int | None, letters: Sequence[DeadLetterColumns]) -> None:
        """Count newly stored dead letters."""
        measure = self._measures[casino_id]
        measure.count += len(letters)
        measure.size += sum(letter.size for letter in letters)

    def _is_full(self, measure: _Measure) -> bool:
        return (
            measure.count >= settings.DEAD_LETTERS * self._factor
            or measure.size >= settings.DEAD_LETTER_BYTES * self._factor
        )


def _measure(letters: Any) -> _Measure:
    found = letters.filter(state=DeadLetterState.OPEN).aggregate(count=Count("pk"), size=Sum("size", default=0))
    return _Measure(found["count"], int(found["size"]), time.monotonic())
