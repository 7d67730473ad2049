"""Of changes with equal times that wait for their row, the strictest applies, in any order."""

from itertools import permutations
from typing import Any

from ingestion.tests.closing_messages import Feed, ago, event, user

AT = {"timestamp": ago(hours=2)}
EVENT_CHANGES: list[list[dict[str, Any]]] = [
    [{"status": "open"}, {"status": "settled"}],
    [{"odd": None}, {"status": "live"}],
]
USER_CHANGES: list[list[dict[str, Any]]] = [
    [{"status": "time_out"}, {"status": "active"}],
    [{"limit_left": 0}, {"limit_left": None}],
    [{"limit_left": 0}, {"limit_left": 50}],
    [{"stake_limit": "-1"}, {"stake_limit": None}],
    [{"birth_date": "2015-01-01"}, {"birth_date": "1985-01-01"}],
]


def test_the_stricter_change_waits(casino_a):
    feed = Feed(casino_a)
    feed.events(event(0))
    events = dict(enumerate((each for changes in EVENT_CHANGES for each in permutations(changes)), start=1))
    users = dict(enumerate((each for changes in USER_CHANGES for each in permutations(changes)), start=1))
    for turn in (0, 1):
        feed.events(*({"id": 900_000 + number} | changes[turn] | AT for number, changes in events.items()))
        feed.users(*({"id": 800_000 + number} | changes[turn] | AT for number, changes in users.items()))
    feed.events(*(event(number, timestamp=ago(hours=3)) for number in events))
    feed.users(*(user(number, timestamp=ago(hours=3)) for number in users))
    assert feed.recommended() == {0}
    assert feed.shown_bets(users) == set()
