"""A random feed: messages of the topics `events` and `odds`, each with its meaning."""

import random
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from .ledger import SECOND
from .meanings import EventFacts, Meaning
from .prices import random_markets
from .scenario import EARLY, PRODUCERS, WITH_BEATS, Event, ProducerState, new_event, next_state, text_of

PARTITIONS = 3
_BEAT_SECONDS, _LOST_SECONDS = 0.7, 90.0
_SHARE_OF_STOPS, _SHARE_UNREADABLE, _SHARE_REPEATED, _SHARE_LATE = 0.02, 0.003, 0.02, 0.03
_SHARE_OF_FACTS, _SHARE_OF_OWN_ODDS, _SHARE_WHILE_DOWN, _SHARE_INCOMPLETE = 0.01, 0.2, 0.1, 0.01
_REMEMBERED = 400  # remembered messages, of which some are repeated
_LATE = 3 * SECOND
_STATUSES = ("OPEN", "OPEN", "OPEN", "SUSPENDED", "CANCELLED", "SETTLED")


class Message(NamedTuple):
    key: bytes | None
    value: bytes
    meaning: Meaning


class Feed:
    """A feed of `events` concurrent events, whose ids count from 1. `changes`: the number of market changes so far."""

    def __init__(self, rng: random.Random, events: int, now: int) -> None:
        self._rng = rng
        self._events = [new_event(number, rng, now) for number in range(1, events + 1)]
        self._latest = events
        self._new = deque(self._events)
        self._states = {name: ProducerState(now / SECOND + 10 + 15 * place) for place, name in enumerate(PRODUCERS)}
        self._beat_at = self._lost_at = 0.0
        self._time = 0
        self._sent: deque[Message] = deque(maxlen=_REMEMBERED)
        self.changes = 0

    def due(self, now: int) -> Iterator[Message]:
        """The messages due at this time besides changes: new events, heartbeats, and the status of producers."""
        while self._new:
            yield self._introduction(self._new.popleft(), now)
        yield from self._turns(now)
        if now / SECOND >= self._beat_at:
            self._beat_at = now / SECOND + _BEAT_SECONDS
            yield from self._beats(now)
        if now / SECOND >= self._lost_at:
            if self._lost_at:
                yield self._unnamed_feed(now)
            self._lost_at = now / SECOND + self._rng.uniform(0.5, 1.5) * _LOST_SECONDS

    def next(self, now: int) -> Message | None:
        """A random message; None if its producer is silent."""
        rng = self._rng
        if self._sent and rng.random() < _SHARE_REPEATED:
            return self._repeated(rng.choice(self._sent), now)
        place = rng.randrange(len(self._events))
        event = self._events[place]
        if event.end < now - 5 * SECOND:
            self._latest += 1
            self._events[place] = event = new_event(self._latest, rng, now)
            return self._introduction(event, now)
        if rng.random() < (_SHARE_OF_FACTS if event.lines else _SHARE_OF_OWN_ODDS):
            return self._facts(event, now)
        return self._prices(event, now) if event.lines else None

    def _prices(self, event: Event, now: int) -> Message | None:
        rng, producer = self._rng, self._producer(event)
        state = self._states[producer]
        if not state.may_send_to(event.number % PARTITIONS) or (state.is_down and rng.random() > _SHARE_WHILE_DOWN):
            return None
        late = rng.randint(0, _LATE) if rng.random() < _SHARE_LATE else 0
        meaning = self._meaning("odds", now, event, producer, late=late)
        if rng.random() < _SHARE_UNREADABLE:
            return self._unreadable(event, meaning)
        about = {"event_id": event.number, "producer": producer.lower(), "timestamp": text_of(meaning.as_of)}
        meaning.is_heard = True
        if rng.random() < _SHARE_OF_STOPS:
            name = rng.choice(event.lines)[0]
            stop, meaning.closings = rng.choice([(True, [""]), ([name], [name])])
            return self._message(event, about | {"stop": stop}, meaning)
        lines = rng.sample(event.lines, rng.choice([1, 3, len(event.lines), len(event.lines)]))
        markets = random_markets(lines, rng)
        meaning.markets, meaning.closings = markets.meanings, markets.closings
        self.changes += len(markets.sent)
        return self._message(event, about | {"markets": markets.sent}, meaning)

    def _producer(self, event: Event) -> str:
        """The producer of the event's next message: mostly one of two, so that each has its own markets, which are
        handed over at times."""
        own = PRODUCERS[event.number % len(PRODUCERS)]
        return own if self._rng.random() < 0.8 else self._rng.choice(PRODUCERS)

    def _introduction(self, event: Event, now: int) -> Message:
        meaning = self._meaning("events", now, event, EARLY)
        meaning.facts, fields = event.facts, event.fields | {"timestamp": text_of(meaning.as_of)}
        if event.facts.odd is not None:
            return self._message(event, fields | {"odd": event.facts.odd / 1_000}, meaning)
        markets = random_markets(event.lines, self._rng)
        meaning.markets, meaning.closings, meaning.is_complete = markets.meanings, markets.closings, True
        return self._message(event, fields | {"producer": EARLY, "markets": markets.sent}, meaning)

    def _facts(self, event: Event, now: int) -> Message:
        meaning = self._meaning("events", now, event, "")
        fields: dict[str, Any] = {"id": event.number, "timestamp": text_of(meaning.as_of)}
        if not event.lines and self._rng.random() < 0.5:
            odd = self._rng.randint(1_100, 9_000)
            meaning.facts = EventFacts(odd=odd)
            return self._message(event, fields | {"odd": odd / 1_000}, meaning)
        meaning.facts = EventFacts(status=self._rng.choice(_STATUSES))
        return self._message(event, fields | {"status": meaning.facts.status}, meaning)

    def _unreadable(self, event: Event, meaning: Meaning) -> Message:
        """An unreadable message, which closes the event for every producer as of its sending."""
        meaning.producer, meaning.as_of, meaning.closings = "", meaning.sent_at, [""]
        return Message(str(event.number).encode(), b'{"event_id": ', meaning)

    def _unnamed_feed(self, now: int) -> Message:
        """A message whose key and value are unreadable: it may be about any price of the partition."""
        partition = self._rng.randrange(PARTITIONS)
        meaning = Meaning(topic="odds", partition=partition, sent_at=_sent_at(now), loses_prices=True)
        return Message(None, b"{", meaning)

    def _turns(self, now: int) -> Iterator[Message]:
        for name, state in self._states.items():
            if now / SECOND >= state.until:
                self._states[name] = new = next_state(name, state, self._rng, now / SECOND)
                if new.is_down:
                    partition = self._rng.randrange(PARTITIONS)
                    yield _feed_message(name, partition, now, {"status": "down"}, is_down=True)
                elif state.is_down:
                    partition = self._rng.randrange(PARTITIONS)
                    yield _feed_message(name, partition, now, {"status": "up"}, is_beat=True)

    def _beats(self, now: int) -> Iterator[Message]:
        for name in WITH_BEATS:
            state = self._states[name]
            for partition in range(PARTITIONS):
                if state.is_down or not state.may_send_to(partition):
                    continue
                is_lost = self._rng.random() < _SHARE_INCOMPLETE
                beat = {"heartbeat": {"complete": not is_lost}}
                yield _feed_message(name, partition, now, beat, is_beat=True, loses_prices=is_lost)

    def _meaning(self, topic: str, now: int, event: Event, producer: str, late: int = 0) -> Meaning:
        """The meaning of a message, as of a time that no other message has."""
        self._time = max(self._time + 1, now)
        return Meaning(
            topic=topic,
            partition=event.number % PARTITIONS,
            sent_at=_sent_at(self._time),
            event=event.number,
            producer=producer,
            as_of=self._time - late,
        )

    def _message(self, event: Event, value: dict[str, Any], meaning: Meaning) -> Message:
        message = Message(str(event.number).encode(), msgspec.json.encode(value), meaning)
        self._sent.append(message)
        return message

    def _repeated(self, message: Message, now: int) -> Message | None:
        """The same message, sent again now."""
        meaning = message.meaning
        if meaning.is_heard and not self._states[meaning.producer].may_send_to(meaning.partition):
            return None
        return message._replace(meaning=msgspec.structs.replace(meaning, sent_at=_sent_at(now), offset=-1))


def _feed_message(name: str, partition: int, now: int, value: dict[str, Any], **values: Any) -> Message:
    meaning = Meaning(topic="odds", partition=partition, sent_at=_sent_at(now), producer=name, is_heard=True, **values)
    return Message(name.encode(), msgspec.json.encode({"producer": name} | value), meaning)


def _sent_at(now: int) -> int:
    """The sending time as Kafka has it, in whole milliseconds."""
    return now // 1_000 * 1_000
