"""The events and the state of the producers of the proof's feed."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .ledger import SECOND
from .meanings import EventFacts

EARLY, LIVE, BACKUP = "EARLY", "LIVE", "BACKUP"
PRODUCERS = (EARLY, LIVE, BACKUP)
WITH_BEATS = (LIVE, BACKUP)
# market, line as sent, line as stored, outcomes
Line = tuple[str, object, str, tuple[str, ...]]
LINES: tuple[Line, ...] = (
    ("1X2", None, "", ("HOME", "DRAW", "AWAY")),
    ("TOTALS", 1.5, "1.5", ("OVER", "UNDER")),
    ("TOTALS", "2.50", "2.5", ("OVER", "UNDER")),
    ("TOTALS", 3.5, "3.5", ("OVER", "UNDER")),
    ("HANDICAP", -1, "-1", ("HOME", "AWAY")),
    ("HANDICAP", "1", "1", ("HOME", "AWAY")),
    ("BOTH TEAMS TO SCORE", None, "", ("YES", "NO")),
)
SPORTS = ("FOOTBALL", "BASKETBALL", "HANDBALL")
COUNTRIES = ("ENGLAND", "SPAIN", "GREECE")
_SHARE_BY_OWN_ODD = 0.08
_SHORTEST, _LONGEST = 60, 500  # seconds until an event's end
_SPEAKING, _AWAY = (40.0, 160.0), (8.2, 13.0)  # seconds


@dataclass(slots=True)
class Event:
    """An event; `lines` is empty for one that is offered by its own odd."""

    number: int
    fields: dict[str, Any]
    facts: EventFacts
    lines: tuple[Line, ...]

    @property
    def end(self) -> int:
        return self.facts.end or 0


@dataclass(slots=True)
class ProducerState:
    """`is_down`: the producer has declared it. `is_silent`: it sends no messages, or with `partition` none to that
    partition. The state lasts until `until` (seconds)."""

    until: float
    is_down: bool = False
    is_silent: bool = False
    partition: int | None = None

    def may_send_to(self, partition: int) -> bool:
        return not self.is_silent or (self.partition is not None and self.partition != partition)


def new_event(number: int, rng: random.Random, now: int) -> Event:
    """An event that begins, or has begun, within minutes of `now` (microseconds)."""
    end = now + rng.randint(_SHORTEST, _LONGEST) * SECOND
    begin = min(end - 30 * SECOND, now + rng.randint(-200, 300) * SECOND)
    sport = rng.choice(SPORTS)
    odd = rng.randint(1_100, 9_000) if rng.random() < _SHARE_BY_OWN_ODD else None
    fields = {
        "id": number,
        "sport": sport,
        "country": rng.choice(COUNTRIES),
        "league": f"{sport} LEAGUE {rng.randint(1, 4)}",
        "home_team": f"HOME {number}",
        "away_team": f"AWAY {number}",
        "begin_timestamp": text_of(begin),
        "end_timestamp": text_of(end),
        "status": "OPEN",
    }
    lines = () if odd is not None else tuple(rng.sample(LINES, rng.randint(4, len(LINES))))
    return Event(number, fields, EventFacts("OPEN", begin, end, odd), lines)


def next_state(producer: str, state: ProducerState, rng: random.Random, now: float) -> ProducerState:
    """The next state: after a while of sending, a producer goes down or falls silent, in a partition or everywhere;
    then it sends again."""
    if state.is_down or state.is_silent:
        return ProducerState(now + rng.uniform(*_SPEAKING))
    until = now + rng.uniform(*_AWAY)
    if producer in WITH_BEATS and rng.random() < 0.4:
        return ProducerState(until, is_down=True)
    return ProducerState(until, is_silent=True, partition=rng.choice([None, 0, 1, 2]))


def text_of(time: int) -> str:
    return datetime.fromtimestamp(time / SECOND, UTC).isoformat()
