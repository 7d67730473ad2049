"""The sales of recommendations in the last week, compared with the week before."""

from datetime import UTC, date, datetime, timedelta

import msgspec

from .sales import Total, read_totals

DAYS = 7


class Trend(msgspec.Struct, frozen=True):
    """The totals of the seven complete days up to `last`, and of the seven `before`."""

    last: date
    since: Total
    before: Total

    @property
    def is_known(self) -> bool:
        """Whether users were reached in either week."""
        return bool(self.since.reached or self.before.reached)

    @property
    def is_comparable(self) -> bool:
        return bool(self.since.reached and self.before.reached)

    @property
    def is_more_than_chance(self) -> bool:
        """Whether conversion has changed significantly (95 %)."""
        now, then = self.since.conversion_interval, self.before.conversion_interval
        return now is not None and then is not None and now.differs_from(then)


def read_trend(now: datetime) -> Trend:
    """The current casino's last two weeks, without today, whose bets are not complete."""
    last = now.astimezone(UTC).date() - timedelta(days=1)
    first, middle = last - timedelta(days=2 * DAYS - 1), last - timedelta(days=DAYS - 1)
    before, since = read_totals(first, middle, last)
    return Trend(last, since, before)
