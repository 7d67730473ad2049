"""The settings' limits on rows, read once: rows are checked by the hundred thousand, and Django's settings take a
third of a microsecond to answer."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed


class RowLimits:
    """`sports`, `currencies` and `genders` that are known; how many `selections` a coupon may have, and `message_bytes`
    a message; how far ahead events may begin (`horizon`)."""

    def __init__(self) -> None:
        self.read()

    def read(self, **signal: Any) -> None:
        self.sports = tuple(settings.SPORTS)
        self.currencies = tuple(settings.CURRENCIES)
        self.genders = tuple(settings.GENDERS)
        self.selections: int = settings.COUPON_MAX_SELECTIONS
        self.message_bytes: int = settings.KAFKA_MESSAGE_BYTES
        self.horizon = timedelta(days=settings.EVENT_HORIZON_DAYS)


limits = RowLimits()
setting_changed.connect(limits.read)  # sent by tests alone
