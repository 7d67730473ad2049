"""The period of sales statistics."""

from datetime import UTC, date, datetime, timedelta

from recommendations.errors import InvalidParameter

MAX_DAYS = 366
DEFAULT_DAYS = 7


def parse_period(first: str | None, last: str | None, now: datetime) -> tuple[date, date]:
    """The first and the last day of a period, from YYYY-MM-DD. `last` is today (UTC) by default, and `first` six days
    earlier. Raises InvalidParameter."""
    to = _day("to", last) if last else now.astimezone(UTC).date()
    since = _day("from", first) if first else to - timedelta(days=min(DEFAULT_DAYS - 1, (to - date.min).days))
    if not 0 <= (to - since).days < MAX_DAYS:
        raise InvalidParameter(f"from is {since} and to is {to}: send 1 to {MAX_DAYS} days, the first one as from")
    return since, to


def _day(name: str, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise InvalidParameter(f"{name} is {text[:40]!r}: send a day as YYYY-MM-DD") from error
