"""The ledger: the outcomes that can be bet on after the messages up to an offset, by the rules of docs/markets.md
alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from .meanings import EVERY_PRODUCER, EventFacts, MarketMeaning, Meaning, line_scope

NEVER = -1
SECOND = 1_000_000  # microseconds
_ROUNDING = 2  # microseconds, of times as floating-point seconds


class Leg(NamedTuple):
    """A served selection; `odd` in thousandths, `priced_at` in microseconds. Without a market, it has the event's
    odd."""

    event: int
    odd: int
    market: str = ""
    line: str = ""
    outcome: str = ""
    producer: str = ""
    priced_at: int = 0


class Moment(NamedTuple):
    """The time of a request, by the clocks of the process and of the database, in microseconds; and its filters: odds
    from `lowest` to `highest` (thousandths), `markets` (all if empty), and events in play."""

    now: int
    clock: int
    lowest: int = 1_001
    highest: float = inf
    markets: frozenset[str] = frozenset()
    has_live: bool = True


class _Line(NamedTuple):
    as_of: int
    producer: str
    market: MarketMeaning


@dataclass(slots=True)
class _Event:
    as_of: int = NEVER
    facts: EventFacts = field(default_factory=EventFacts)


@dataclass(slots=True)
class _Feed:
    """The feed of one producer. `heard`: partition -> sending time of its latest message."""

    heard: dict[int, int] = field(default_factory=dict)
    valid_since: int = NEVER
    has_beats: bool = False
    down_at: int = NEVER
    up_at: int = NEVER


class Ledger:
    """The state after the applied messages. Times are microseconds. Messages may be applied in any order that keeps
    each partition's."""

    def __init__(self, *, silence: int, max_live_age: int) -> None:
        self._silence, self._max_live_age = silence, max_live_age
        self._events: dict[int, _Event] = {}
        self._lines: dict[tuple[int, str, str], _Line] = {}
        self._stops: dict[tuple[int, str, str], int] = {}
        self._feeds: dict[str, _Feed] = {}
        self._with_markets: set[int] = set()

    def apply(self, meaning: Meaning) -> None:
        if meaning.facts is not None:
            self._apply_facts(meaning)
        if meaning.is_heard:
            self._hear(meaning)
        if meaning.loses_prices:
            self._lose_prices(meaning)
        for market in meaning.markets:
            self._with_markets.add(meaning.event)
            key = meaning.event, market.market, market.line
            known = self._lines.get(key)
            if known is None or known.as_of <= meaning.as_of:
                self._lines[key] = _Line(meaning.as_of, meaning.producer, market)
        for scope in meaning.closings:
            self._stop(meaning, scope, meaning.as_of)
        if meaning.is_complete:
            self._stop(meaning, "", meaning.as_of - 1)

    def _apply_facts(self, meaning: Meaning) -> None:
        event = self._events.setdefault(meaning.event, _Event())
        if meaning.facts is None or meaning.as_of < event.as_of:
            return
        event.as_of = meaning.as_of
        event.facts = meaning.facts.over(event.facts)

    def _hear(self, meaning: Meaning) -> None:
        feed = self._feeds.setdefault(meaning.producer, _Feed())
        before = feed.heard.get(meaning.partition)
        feed.has_beats |= meaning.is_beat
        if before is not None and meaning.sent_at - before > self._silence and feed.has_beats:
            feed.valid_since = max(feed.valid_since, meaning.sent_at)
        feed.heard[meaning.partition] = max(meaning.sent_at, before or meaning.sent_at)
        if meaning.is_beat:
            if feed.up_at < feed.down_at < meaning.sent_at:  # only prices sent later count
                feed.valid_since = max(feed.valid_since, meaning.sent_at)
            feed.up_at = max(feed.up_at, meaning.sent_at)
        if meaning.is_down:
            feed.down_at = max(feed.down_at, meaning.sent_at)
            feed.valid_since = max(feed.valid_since, meaning.sent_at)

    def _lose_prices(self, meaning: Meaning) -> None:
        for name, feed in self._feeds.items():
            if meaning.producer == name or (not meaning.producer and meaning.partition in feed.heard):
                feed.valid_since = max(feed.valid_since, meaning.sent_at)

    def _stop(self, meaning: Meaning, scope: str, as_of: int) -> None:
        key = meaning.event, meaning.producer or EVERY_PRODUCER, scope
        self._stops[key] = max(self._stops.get(key, NEVER), as_of)

    def fault(self, leg: Leg, moment: Moment) -> str:
        """The reason why this leg may not be served at this time; empty if it may."""
        return self.fault_of_event(leg, moment) or self.fault_of_odd(leg, moment)

    def fault_of_odd(self, leg: Leg, moment: Moment) -> str:
        is_requested = not moment.markets or leg.market in moment.markets
        return (
            (self._fault_of_price(leg, moment) if leg.market else self._fault_of_own_odd(leg))
            or ("" if moment.lowest <= leg.odd <= moment.highest else "out of range")
            or ("" if is_requested else "another market than requested")
        )

    def fault_of_event(self, leg: Leg, moment: Moment) -> str:
        event = self._events.get(leg.event)
        if event is None or event.facts.begin is None or event.facts.end is None:
            return "unknown event"
        if event.facts.status != "OPEN":
            return "suspended: its event"
        if event.facts.begin <= moment.now and (not moment.has_live or event.facts.end <= moment.now):
            return "event begun or over"
        return ""

    def _fault_of_own_odd(self, leg: Leg) -> str:
        if leg.event in self._with_markets:
            return "another price: the event has markets"
        event = self._events.get(leg.event)
        return "" if event is not None and event.facts.odd == leg.odd else "another price: of the event"

    def _fault_of_price(self, leg: Leg, moment: Moment) -> str:
        line = self._lines.get((leg.event, leg.market, leg.line))
        if line is None or leg.outcome not in line.market.odds:
            return "unknown outcome"
        if not line.market.is_open or line.market.odds[leg.outcome] == 0:
            return "suspended: the outcome or its market"
        if line.as_of <= self._stopped_until(leg, line.producer):
            return "suspended: stopped"
        if line.market.odds[leg.outcome] != leg.odd or line.producer != leg.producer:
            return "another price than the latest"
        if abs(line.as_of - leg.priced_at) > _ROUNDING:
            return "another price than the latest: its time"
        return self._fault_of_feed(line) or self._fault_of_age(leg, line, moment)

    def _stopped_until(self, leg: Leg, producer: str) -> int:
        scopes = "", leg.market, line_scope(leg.market, leg.line)
        return max(
            self._stops.get((leg.event, name, scope), NEVER) for name in (producer, EVERY_PRODUCER) for scope in scopes
        )

    def _fault_of_feed(self, line: _Line) -> str:
        feed = self._feeds.get(line.producer)
        if feed is None:
            return ""  # its events tell its state
        if feed.down_at > feed.up_at:
            return "silent: its producer is down"
        return "stale: of before a silence of its feed" if line.as_of < feed.valid_since - _ROUNDING else ""

    def _fault_of_age(self, leg: Leg, line: _Line, moment: Moment) -> str:
        feed = self._feeds.get(line.producer)
        if feed is not None and feed.has_beats and min(feed.heard.values()) < moment.clock - self._silence - _ROUNDING:
            return "silent: a partition was not heard in time"
        event = self._events.get(leg.event)
        is_live = event is not None and (event.facts.begin or 0) <= moment.now
        is_old = line.as_of < moment.clock - self._max_live_age - _ROUNDING
        return "stale: too old in play" if is_old and is_live else ""

    def known(self, leg: Leg) -> object:
        """The ledger's state of this leg, for error messages."""
        line, event = self._lines.get((leg.event, leg.market, leg.line)), self._events.get(leg.event)
        return line, line and self._stopped_until(leg, line.producer), line and self._feeds.get(line.producer), event

    def outcomes(self, moment: Moment) -> dict[str, int]:
        """The number of outcomes by the reason why they may not be served at this time; `open`: those that may."""
        found: dict[str, int] = {}
        for (event, market, line), known in self._lines.items():
            for outcome, odd in known.market.odds.items():
                leg = Leg(event, odd, market, line, outcome, known.producer, known.as_of)
                fault = self.fault(leg, moment)
                found[fault or "open"] = found.get(fault or "open", 0) + 1
        return found


def fault_of_slip(legs: Sequence[Leg]) -> str:
    """The reason why these legs may not be in one slip: two of an event repeat or contradict each other. Empty if they
    may."""
    events = [leg.event for leg in legs]
    return "" if len(set(events)) == len(events) else "repeated or contradictory: two legs of an event"
