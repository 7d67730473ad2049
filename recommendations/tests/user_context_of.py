"""A user of the current casino, as a request loads users."""

from datetime import UTC, datetime

from recommendations.serving.load import FoundUser, find
from recommendations.tallies.user_tallies import Tallies


def found_user(user_id: int) -> FoundUser:
    now = datetime.now(UTC)
    return find([user_id], now, now.timestamp()).users[user_id]


def read_tallies(user_id: int) -> Tallies:
    return found_user(user_id).tallies()
