"""A dummy feed of prices for casinos' open events, with heartbeats to each partition."""

import random
import time
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from django.utils import timezone

from ingestion.errors import NothingToSend
from recommendations.models import Event, EventStatus, Market, MarketLine, MarketStatus
from recommendations.text_ids import texts_of
from recommendations.validation.own_ids import OwnId
from tenants.models import Casino
from tenants.routing.context import use_casino

from .load_generator import GeneratedMessage
from .moving_prices import Message, MovingPrices, PricedLine, line_of_odds, random_lines

PRODUCER = "DUMMY"
HEARTBEAT_SECONDS = 2.0
_POOL = 1_000  # events per casino
_REREAD_SECONDS = 600.0  # reloads the events: some have ended, and others have been sent
_BEAT = msgspec.json.encode({"producer": PRODUCER, "heartbeat": {"complete": True}})
_OPEN = (EventStatus.OPEN, EventStatus.LIVE)
_PRICED = (MarketStatus.OPEN, MarketStatus.SUSPENDED)

_Key = tuple[int, OwnId]  # casino, event


class OddsFeed:
    """Prices of the first events to begin. The stored prices are the start; an event without any gets invented prices.
    Raises NothingToSend if no casino has an open event."""

    def __init__(self, casinos: Sequence[Casino], rng: random.Random, partitions: int) -> None:
        self._casinos, self._rng, self._partitions = casinos, rng, partitions
        self._events: dict[_Key, MovingPrices] = {}
        self._beat_at = 0.0
        self._reread_at = 0.0

    def snapshot(self) -> Iterator[GeneratedMessage]:
        """Heartbeats, and all prices of each event without earlier ones. After a silence of the feed, its earlier
        prices no longer count, so that each feed begins with a snapshot."""
        self._reread_at = time.monotonic() + _REREAD_SECONDS
        found = {
            (casino.pk, own_id): prices for casino in self._casinos for own_id, prices in self._open_events(casino)
        }
        if not found:
            raise NothingToSend("No casino has open events: send events first.")
        new = found.keys() - self._events.keys()
        self._events = {key: self._events.get(key, prices) for key, prices in found.items()}
        yield from self._heartbeats()
        for key in sorted(new, key=str):
            yield _message(key, self._events[key].all_markets(), timezone.now())

    def changes(self) -> Iterator[GeneratedMessage]:
        """Endless messages: a change of a random event, and heartbeats every `HEARTBEAT_SECONDS`."""
        while True:
            if time.monotonic() >= self._reread_at:
                yield from self.snapshot()
            if time.monotonic() >= self._beat_at:
                yield from self._heartbeats()
            key, now = self._rng.choice([*self._events]), timezone.now()
            yield _message(key, self._events[key].change(self._rng, now), now)

    def _heartbeats(self) -> Iterator[GeneratedMessage]:
        self._beat_at = time.monotonic() + HEARTBEAT_SECONDS
        for casino in self._casinos:
            yield from (GeneratedMessage(casino.pk, "", _BEAT, partition) for partition in range(self._partitions))

    def _open_events(self, casino: Casino) -> Iterator[tuple[OwnId, MovingPrices]]:
        with use_casino(casino.current):
            offer = Event.objects.filter(end_timestamp__gt=timezone.now(), status__in=_OPEN)
            columns = ("pk", "sport", "begin_timestamp", "end_timestamp")
            events = list(offer.order_by("begin_timestamp", "id").values_list(*columns)[:_POOL])
            ids = [event_id for event_id, *_ in events]
            texts, stored = texts_of(ids), _stored_lines(ids)
        for event_id, sport, begin, end in events:
            lines = stored.get(event_id) or random_lines(sport, self._rng)
            yield texts.get(event_id, event_id), MovingPrices(sport, begin, end, lines)


def _stored_lines(event_ids: Sequence[int]) -> dict[int, list[PricedLine]]:
    """The market lines of these events whose outcomes all have a price."""
    markets = Market.objects.filter(event_id__in=event_ids, status__in=_PRICED).order_by("event_id", "line_id")
    lines = MarketLine.objects.in_bulk()
    found: dict[int, list[PricedLine]] = {}
    for market in markets:
        line = lines.get(market.line_id)
        if line is not None and len(line.outcomes) == len(market.odds) and min(market.odds) > 1_000:
            odds = [odd / 1_000 for odd in market.odds]
            found.setdefault(market.event_id, []).append(line_of_odds(line.market, line.line, line.outcomes, odds))
    return found


def _message(key: _Key, change: Message, now: datetime) -> GeneratedMessage:
    casino_id, event_id = key
    about = {"event_id": event_id, "producer": PRODUCER, "timestamp": now}
    return GeneratedMessage(casino_id, str(event_id), msgspec.json.encode(about | change))
