"""Damaged closings and restrictions over random prior states: none leaves an event recommended or a user shown bets.

`make fail-closed` sends a hundred thousand of them; FAIL_CLOSED is their number.
"""

import os
import random
from typing import Any

import pytest
from django.db.transaction import set_rollback
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingestion.tests.closing_messages import Feed, ago, ahead, event, user
from ingestion.tests.damaged_forms import DAMAGED, KEYED
from tenants.routing.connections import casino_atomic, current_alias, execute
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

BATCH = 250  # of events, and of users
MESSAGES = int(os.environ.get("FAIL_CLOSED", scaled(2_000, 4_000)))
SLOW = settings(
    max_examples=max(MESSAGES // (2 * BATCH), 1),
    phases=[Phase.generate],  # failures are shown as they are: shrinking a batch takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
EARLIER, BEFORE, LATER, LATEST = ago(days=20), ago(days=15), ago(days=10), ago(days=5)

CLOSING_WORDS = [
    "suspended",
    "Suspended",
    "CANCELLED",
    "settled",
    "FT",
    "PST",
    "abandoned",
    "walkover",
    " ended ",
    "void",
]
UNKNOWN_WORDS: list[Any] = ["", "?", "halb offen", "open!", 0, True, [], {"status": "open"}, "o" * 200]
NO_ODDS: list[Any] = [None, 0, 1, -3, 0.5, "-", "off", "1.0", "abc", "2,5", True, [], 10**12]
RESTRICTING_WORDS = ["self_excluded", "Self-Excluded", "TIME_OUT", "cooling off", "closed", "BLOCKED", "suspended"]
UNTILS: list[Any] = [None, "", "permanent", "9999-12-31T00:00:00Z", ahead(days=90), "31.12.2099", True, []]
REACHED: list[Any] = [0, -1, "0", "0.001", 0.009, "none", "-5", True, [], ""]
JUNK: list[Any] = [None, "", 0, -1, True, [], {}, "x" * 101, "\u0000", 10**15, "1e9999", "NaN"]


def prior_event(number: int, rng: random.Random) -> list[dict[str, Any]]:
    """Messages after which the event can be bet on."""
    states: list[list[dict[str, Any]]] = [
        [{"timestamp": BEFORE}],
        [{"timestamp": BEFORE, "status": "open"}],
        [{"timestamp": EARLIER, "status": "suspended"}, {"timestamp": BEFORE, "status": "open"}],
        [{"timestamp": EARLIER}, {"timestamp": EARLIER, "odd": "-"}, {"timestamp": BEFORE, "odd": 1.9}],
        [{"timestamp": EARLIER}, {"timestamp": BEFORE, "league": "OTHER"}],
    ]
    return [event(number, **changes) for changes in rng.choice(states)]


def prior_user(number: int, rng: random.Random) -> list[dict[str, Any]]:
    """Messages after which the user is shown bets."""
    states: list[list[dict[str, Any]]] = [
        [{"timestamp": BEFORE}],
        [{"timestamp": BEFORE, "status": "active", "stake_limit": 50}],
        [{"timestamp": EARLIER, "status": "closed"}, {"timestamp": BEFORE, "status": "active"}],
        [{"timestamp": EARLIER, "limit_left": 0}, {"timestamp": BEFORE, "limit_left": None}],
        [{"timestamp": EARLIER, "status": "time_out", "status_until": ago(days=16)}, {"timestamp": BEFORE}],
    ]
    return [user(number, **changes) for changes in rng.choice(states)]


def closing(known: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [
        {"status": rng.choice(CLOSING_WORDS)},
        {"status": rng.choice(UNKNOWN_WORDS)},
        {"odd": rng.choice(NO_ODDS)},
        {"status": rng.choice([None, "open", "live", "NS"]), "odd": rng.choice(NO_ODDS)},
    ]
    return _message(known, rng.choice(kinds), rng)


def restriction(known: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [
        {"status": rng.choice(RESTRICTING_WORDS)},
        {"status": rng.choice(RESTRICTING_WORDS), "status_until": rng.choice(UNTILS)},
        {"status": rng.choice(UNKNOWN_WORDS), "status_until": rng.choice(UNTILS)},
        {"stake_limit": rng.choice(REACHED)},
        {"limit_left": rng.choice(REACHED), "status": "active"},
    ]
    return _message(known, rng.choice(kinds), rng)


def _message(known: dict[str, Any], changes: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A complete or partial message with these changes, some of whose other fields are junk or lost."""
    other_fields = rng.choice([known, known, {}])
    message = {"id": known["id"]} | other_fields | changes
    message["timestamp"] = rng.choice([BEFORE, LATER, LATER, *([None, "junk"] if "odd" in known else [LATER])])
    for name in rng.sample(
        sorted(other_fields.keys() - changes.keys() - {"id", "timestamp"}), k=min(rng.randrange(3), len(other_fields))
    ):
        message[name] = rng.choice(JUNK)
    return message


def damaged(message: dict[str, Any], rng: random.Random) -> tuple[bytes, bytes | None]:
    """The bytes that are sent, and the message's key."""
    key = str(message["id"]).encode()
    if rng.random() < 0.1:
        return rng.choice([*KEYED.values()])(message), key
    return rng.choice([*DAMAGED.values()])(message), rng.choice([None, key, b"arsenal"])


def afterwards(known: dict[str, Any], rng: random.Random) -> list[dict[str, Any]]:
    """Readable messages that arrive late, and open nothing."""
    late = rng.choice([[], [EARLIER], [BEFORE], [EARLIER, BEFORE]])
    return [known | {"timestamp": at} | rng.choice([{}, {"status": known_status(known)}]) for at in late]


def known_status(known: dict[str, Any]) -> str:
    return "active" if "birth_year" in known else "open"


def forget_times() -> None:
    """Clear some values' own times, as in rows of earlier releases."""
    execute(
        "UPDATE events SET status_as_of = NULL, odd_as_of = NULL, begin_timestamp_as_of = NULL WHERE mod(id, 5) = 0"
    )
    execute(
        "UPDATE users SET status_as_of = NULL, is_withheld_as_of = NULL, limit_left_as_of = NULL WHERE mod(id, 5) = 0"
    )


@pytest.mark.no_cover
@pytest.mark.scaled
@SLOW
@given(st.integers(0, 2**64))
def test_no_damaged_closing_or_restriction_leaves_anything_open(casino_a, seed):
    rng = random.Random(seed)
    numbers = range(1, BATCH + 1)
    with use_casino(casino_a.current), casino_atomic():
        feed = Feed(casino_a)
        feed.events(event(0))
        feed.events(*(message for number in numbers for message in prior_event(number, rng)))
        feed.users(*(message for number in numbers for message in prior_user(number, rng)))
        forget_times()
        assert feed.recommended() == {0, *numbers}
        assert feed.shown_bets(numbers) == set(numbers)
        events, users = (
            {n: make(each(n), rng) for n in numbers} for each, make in ((event, closing), (user, restriction))
        )
        sent_events = {number: damaged(message, rng) for number, message in events.items()}
        sent_users = {number: damaged(message, rng) for number, message in users.items()}
        for send, sent in ((feed.events, sent_events), (feed.users, sent_users)):
            send(*(value for value, _ in sent.values()), keys=[key for _, key in sent.values()])
        feed.events(*(message for number in numbers for message in afterwards(event(number), rng)))
        feed.users(*(message for number in numbers for message in afterwards(user(number), rng)))
        assert {number: sent_events[number] for number in feed.recommended() - {0}} == {}
        assert {number: sent_users[number] for number in feed.shown_bets(numbers)} == {}
        set_rollback(True, using=current_alias())
