"""Settings that limit rows, read once: hundreds of thousands of rows are validated, and reading a Django setting takes
a third of a microsecond."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from .normal_form import upper_form

_USUAL_LENGTH = timedelta(hours=3)
_DOUBLEHEADER = timedelta(hours=2)  # less than the interval between two matches of the same teams on one day


class RowLimits:
    """The maximal number of a coupon's `selections`, a message's `message_bytes`, and the maximal time until an event
    begins (`horizon`)."""

    def __init__(self) -> None:
        self.read()

    def read(self, **signal: Any) -> None:
        self.selections: int = settings.COUPON_MAX_SELECTIONS
        self.message_bytes: int = settings.KAFKA_MESSAGE_BYTES
        self.horizon = timedelta(days=settings.EVENT_HORIZON_DAYS)
        self._reschedule = {
            upper_form(sport): timedelta(hours=each) for sport, each in settings.RESCHEDULE_HOURS.items()
        }
        self._lengths = {upper_form(sport): timedelta(hours=each) for sport, each in settings.EVENT_HOURS.items()}

    def usual_length(self, sport: str) -> timedelta:
        """The assumed duration of an event that was sent without an end."""
        return self._lengths.get(sport, _USUAL_LENGTH)

    def reschedule_window(self, sport: str) -> timedelta:
        """The largest accepted change of the begin of an event without an id."""
        return self._reschedule.get(sport, _DOUBLEHEADER)


limits = RowLimits()
setting_changed.connect(limits.read)  # only tests send it
