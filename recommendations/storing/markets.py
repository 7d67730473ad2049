"""Stores prices of markets, their closings, and the states of producers' feeds."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from recommendations.errors import FeedInUse
from recommendations.models import MarketStatus
from recommendations.text_ids import Kind, stored_id, with_stored_ids
from recommendations.validation.markets import ALL_MARKETS, Closing, OddsRow
from recommendations.validation.rows import Removal
from tenants.routing.connections import casino_atomic, execute, query

from .feeds import Producers, forget_feed
from .market_rows import SentLine, Written, write_markets
from .market_stops import StopKey, apply_stops, forget_stops, store_stops
from .offered_by import flip_offered_by
from .outcomes import DUPLICATE, STALE, Outcome, Result

FEED_SILENCE = timedelta(seconds=10)

_STORED, _IN_PART, _TOO_MANY = (Outcome(each) for each in (Result.STORED, Result.STORED_IN_PART, Result.TOO_MANY))
_LEFT_OUT = Closing(ALL_MARKETS, MarketStatus.CLOSED)

# Concurrent calls prune one after another.
_PRUNE = """
WITH old AS (
    SELECT event_id, line_id FROM markets WHERE as_of < %s AND NOT EXISTS (
        SELECT FROM events WHERE events.id = event_id AND end_timestamp > %s
    ) ORDER BY event_id, line_id LIMIT %s
), pruned AS (
    DELETE FROM markets USING old WHERE markets.event_id = old.event_id AND markets.line_id = old.line_id RETURNING 1
)
SELECT count(*) FROM pruned
"""
_PRUNE_STOPS = """
DELETE FROM market_stops WHERE as_of < %s AND NOT EXISTS (
    SELECT FROM events WHERE events.id = event_id AND end_timestamp > %s
)
"""
_HAS_LATER_MESSAGE = """
SELECT code, EXISTS (
    SELECT FROM feeds AS other WHERE other.producer = code AND other.heard_at > feeds.heard_at
) FROM producers JOIN feeds ON feeds.producer = code AND partition = %s WHERE name = %s
"""
_MAX_UNUSED_LINES = 20_000
_PRUNE_LINES = """
DELETE FROM market_lines WHERE NOT EXISTS (SELECT FROM markets WHERE line_id = market_lines.id)
"""


def lock_prices() -> None:
    """Wait for other writers of prices. The lock lasts until the transaction ends. Take it before `lock_offer`."""
    execute("SELECT lock_prices()")


def store_odds(rows: Sequence[OddsRow | Removal], *, silence: timedelta = FEED_SILENCE) -> list[Outcome]:
    """Store messages about markets and feeds. For each market line, the message with the latest `timestamp` wins, of
    equal ones the last. A closing applies to its producer's prices of its time and before; a removal closes all markets
    of its event. If a feed's messages were sent more than `silence` apart, its older prices become invalid.

    STORED: something is new. STORED_IN_PART: the same, and a part was unreadable. STALE: everything is older than the
    stored rows. TOO_MANY: the event has the maximal number of markets, or the casino of producers.
    """
    identified = with_stored_ids(Kind.EVENTS, [closing_all(row) if isinstance(row, Removal) else row for row in rows])
    with casino_atomic():
        lock_prices()
        return write_odds(identified, silence=silence)


def write_odds(rows: Sequence[OddsRow], *, silence: timedelta = FEED_SILENCE) -> list[Outcome]:
    """`store_odds` for rows with stored ids, in a transaction that holds the lock of the prices."""
    producers = Producers()
    producers.add(row.producer for row in rows if row.producer)
    producers.record(rows, silence)
    written = write_markets(_sent_lines(rows, producers))
    new_stops, closed = _close(rows, producers, written.to_close)
    flip_offered_by(written.to_flip | closed)
    return [_outcome(place, row, producers, written, new_stops) for place, row in enumerate(rows)]


def close_markets(rows: Iterable[OddsRow], producers: Producers) -> None:
    """Store and apply only the closings of rows with stored ids. The transaction holds the lock of the prices."""
    _, closed = _close(rows, producers, ())
    flip_offered_by(closed)


def remove_markets(event_ids: Sequence[int]) -> None:
    """Remove the markets of removed events. The transaction holds the lock of the prices."""
    execute("DELETE FROM markets WHERE event_id = ANY(%s)", [list(event_ids)])
    forget_stops(event_ids)


def forget_partition(producer: str, partition: int) -> None:
    """Forget a partition in which a producer no longer sends, for example of a topic that now has fewer partitions: its
    silence keeps the producer's prices closed. Prices from before its last message stay closed until they are sent
    again. Raises FeedInUse unless another partition of the producer was heard later."""
    with casino_atomic():
        lock_prices()
        [(code, has_later_message)] = query(_HAS_LATER_MESSAGE, [partition, producer]) or [(None, False)]
        if not has_later_message:
            raise FeedInUse(producer, partition)
        forget_feed(code, partition)


def prune_markets(before: datetime, limit: int) -> int:
    """Delete up to `limit` markets of before `before` whose event ended before it or is not stored; then such closings
    and, if there are many lines, unused market lines. Returns the number of deleted markets."""
    with casino_atomic():
        lock_prices()
        [(pruned,)] = query(_PRUNE, [before, before, limit])
        if pruned < limit:
            execute(_PRUNE_STOPS, [before, before])
            [(lines,)] = query("SELECT count(*) FROM market_lines")
            if lines > _MAX_UNUSED_LINES:
                execute(_PRUNE_LINES)
        return int(pruned)


def closing_all(removal: Removal) -> OddsRow:
    """A message that closes all markets of the removed event."""
    return OddsRow(id=removal.id, timestamp=removal.timestamp, closings=(Closing(ALL_MARKETS),))


def _sent_lines(rows: Sequence[OddsRow], producers: Producers) -> Iterable[SentLine]:
    for place, row in enumerate(rows):
        code = producers.codes.get(row.producer)
        if row.id is not None and code is not None:
            event_id = stored_id(row.id)
            for market in row.markets:
                yield SentLine([place], event_id, code, row.timestamp, market)


def _close(rows: Iterable[OddsRow], producers: Producers, to_close: Collection[int]) -> tuple[set[int], set[int]]:
    """Store closings; apply new ones, and those of the events `to_close`. Returns the indices of messages with a new
    closing, and the ids of events with a newly closed market."""
    stops: dict[StopKey, tuple[datetime, str]] = {}
    places: dict[StopKey, int] = {}
    for place, row in enumerate(rows):
        for key, closing, as_of in _closings(row, producers):
            if key not in stops or stops[key][0] < as_of:
                stops[key], places[key] = (as_of, closing.status), place
    new = store_stops(stops) if stops else set()
    events = {event_id for event_id, _, _ in new}.union(to_close)
    return {places[key] for key in new}, apply_stops(events) if events else set()


def _closings(row: OddsRow, producers: Producers) -> Iterable[tuple[StopKey, Closing, datetime]]:
    if row.id is None:
        return
    event_id = stored_id(row.id)
    codes = [producers.codes[row.producer]] if row.producer in producers.codes else []
    if not row.producer:
        codes = list(producers.codes.values())
    for code in codes:
        for closing in row.closings:
            yield (event_id, code, closing.scope), closing, row.timestamp
        if row.is_complete:  # a moment earlier, so that the markets that it lists stay open
            yield (event_id, code, _LEFT_OUT.scope), _LEFT_OUT, row.timestamp - timedelta.resolution


def _outcome(place: int, row: OddsRow, producers: Producers, written: Written, new_stops: set[int]) -> Outcome:
    if place in written.too_many or (row.producer and row.producer not in producers.codes):
        return _TOO_MANY
    if row.unread is not None:
        return _IN_PART
    if place in written.places or place in new_stops or row.id is None:
        return _STORED
    return STALE if place in written.stale else DUPLICATE
