"""Times as messages write them."""

from datetime import UTC, datetime

from recommendations.errors import InvalidRow

_MILLISECONDS_FROM = 100_000_000_000  # as Unix seconds this would be the year 5138


def read_time(field: str, value: datetime | float, latest: datetime) -> datetime:
    """A time without a zone is UTC; a number is Unix seconds, or milliseconds if it is large enough.

    Raises InvalidRow for what is no time, or later than `latest`.
    """
    if isinstance(value, datetime):
        time = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    else:
        time = _from_number(field, value)
    if time > latest:
        raise InvalidRow("out_of_range", field, f"must not be later than {latest:%Y-%m-%d}")
    return time


def _from_number(field: str, value: float) -> datetime:
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidRow("out_of_range", field, "must be a time: ISO 8601, or Unix seconds") from error
