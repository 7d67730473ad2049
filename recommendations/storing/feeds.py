"""Stores the states of producers, and when a message of each of their feeds was received."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from recommendations.models import MAX_PRODUCERS
from recommendations.validation.fields import EARLIEST
from recommendations.validation.markets import BY_UPLOAD, Heard, OddsRow
from tenants.routing.connections import execute, query

Codes = dict[str, int]
FeedKey = tuple[int, int]  # producer, partition

_PRODUCERS = """
SELECT name, code, is_down, sends_heartbeats, (SELECT max(valid_since) FROM feeds WHERE producer = code) FROM producers
"""
_ADD_PRODUCERS = "INSERT INTO producers (code, name) SELECT * FROM unnest(%s::smallint[], %s::text[])"
_SET_PRODUCER = "UPDATE producers SET is_down = %s, sends_heartbeats = %s WHERE code = %s"
_FEEDS = "SELECT producer, partition, heard_at, valid_since FROM feeds"
_RECORD_FEEDS = """
INSERT INTO feeds AS feed (producer, partition, heard_at, valid_since, beats)
SELECT * FROM unnest(%s::smallint[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::bigint[])
ON CONFLICT (producer, partition) DO UPDATE SET heard_at = excluded.heard_at, valid_since = excluded.valid_since,
    beats = feed.beats + excluded.beats
"""
# Prices from before the partition's last message are not valid until another partition sends them again.
_FORGET = """
WITH gone AS (DELETE FROM feeds WHERE producer = %s AND partition = %s RETURNING producer, heard_at, valid_since)
UPDATE feeds SET valid_since = greatest(feeds.valid_since, gone.heard_at, gone.valid_since) FROM gone
WHERE feeds.producer = gone.producer AND partition <> %s
"""
# Older prices are not valid, from any partition.
_LOSE_PRICES = """
UPDATE feeds SET valid_since = greatest(valid_since, %s)
WHERE (%s::smallint IS NULL OR producer = %s) AND (%s::int IS NULL OR partition = %s)
"""
# A producer without heartbeats has no feed by HTTP or file, until one of its messages is unreadable.
_ADD_UPLOADS = """
INSERT INTO feeds (producer, partition, heard_at, valid_since, beats)
SELECT code, %s, %s, %s, 0 FROM producers WHERE NOT EXISTS (SELECT FROM feeds WHERE producer = code)
"""


class _State(NamedTuple):
    """The state of a producer; prices older than `valid_since` are not valid."""

    is_down: bool = False
    sends_heartbeats: bool = False
    valid_since: datetime = EARLIEST


class Producers:
    """The producers of the current casino. The transaction holds the lock of the prices."""

    def __init__(self) -> None:
        self.codes: Codes = {}
        self._states: dict[str, _State] = {}
        for name, code, is_down, sends_heartbeats, valid_since in query(_PRODUCERS):
            self.codes[name] = code
            self._states[name] = _State(is_down, sends_heartbeats, valid_since or EARLIEST)

    def add(self, names: Iterable[str]) -> None:
        """Store new producers, while codes are left."""
        unused = [code for code in range(MAX_PRODUCERS) if code not in self.codes.values()]
        if new := list(zip(unused, sorted(set(names) - self.codes.keys()), strict=False)):
            execute(_ADD_PRODUCERS, [[code for code, _ in new], [name for _, name in new]])
            self.codes |= {name: code for code, name in new}
            self._states |= {name: _State() for _, name in new}

    def record(self, rows: Sequence[OddsRow], silence: timedelta) -> None:
        """Store the messages' effects on their feeds, in their order. Older prices become invalid if the producer was
        down, or if it sends heartbeats and two messages of the feed were sent more than `silence` apart."""
        heard = [(row.producer, row.heard) for row in rows if row.heard is not None]
        known = [(name, each) for name, each in heard if name in self.codes]
        if known:
            self._note_times(known, silence)
            for name, each in self._note_states(known):
                self._invalidate_prices(name, each.sent_at)
        self.close(heard)

    def close(self, heard: Iterable[tuple[str, Heard]]) -> None:
        """Store the times from which on prices are valid again; stored later times stay."""
        for name, each in heard:
            if each.is_down:
                self._invalidate_prices(name, each.sent_at)
            elif each.loses_prices:
                self._invalidate_prices(name, each.sent_at, each.partition)

    def mark_down(self, names: Iterable[str]) -> None:
        """Mark these producers as down."""
        for name in set(names) & self._states.keys():
            execute(_SET_PRODUCER, [True, self._states[name].sends_heartbeats, self.codes[name]])

    def _note_states(self, heard: Iterable[tuple[str, Heard]]) -> list[tuple[str, Heard]]:
        """Store the producers' states. Returns the heartbeats that end a producer's downtime. Messages of several
        partitions are ordered by the time of sending."""
        states, up = dict(self._states), []
        for name, each in sorted(heard, key=_sent_at):
            state = states[name]
            is_down, valid_since = state.is_down, state.valid_since
            if each.is_down:
                is_down, valid_since = True, max(valid_since, each.sent_at)
            elif is_down and each.is_heartbeat and each.sent_at >= valid_since:
                is_down = False  # an older heartbeat, late from another partition, does not count
                up.append((name, each))
            states[name] = _State(is_down, state.sends_heartbeats or each.is_heartbeat, valid_since)
        for name, state in states.items():
            if state[:2] != self._states[name][:2]:
                execute(_SET_PRODUCER, [state.is_down, state.sends_heartbeats, self.codes[name]])
        return up

    def _note_times(self, heard: Iterable[tuple[str, Heard]], silence: timedelta) -> None:
        stored = {(producer, partition): times for producer, partition, *times in query(_FEEDS)}
        changed: dict[FeedKey, tuple[datetime, datetime, int]] = {}
        with_beats = {name for name, state in self._states.items() if state.sends_heartbeats}
        for name, each in heard:
            if each.is_heartbeat:
                with_beats.add(name)
            key = self.codes[name], each.partition
            heard_at, valid_since, beats = changed.get(key) or (*stored.get(key, (each.sent_at, EARLIEST)), 0)
            if each.sent_at - heard_at > silence and name in with_beats:  # others may have nothing to send
                valid_since = max(valid_since, each.sent_at)
            changed[key] = max(heard_at, each.sent_at), valid_since, beats + each.is_heartbeat
        rows = [(*key, *values) for key, values in sorted(changed.items())]
        execute(_RECORD_FEEDS, [list(column) for column in zip(*rows, strict=True)])
        self._forget_silent_uploads(
            heard, {key: times[0] for key, times in [*stored.items(), *changed.items()]}, silence
        )

    def _forget_silent_uploads(
        self, heard: Iterable[tuple[str, Heard]], heard_at: Mapping[FeedKey, datetime], silence: timedelta
    ) -> None:
        """Forget a producer's silent feed by HTTP or file once it sends heartbeats by Kafka: unlike a partition, such a
        feed can't be delayed."""
        uploads = {code: time for (code, partition), time in heard_at.items() if partition == BY_UPLOAD}
        for name, each in heard if uploads else ():
            code, is_by_kafka = self.codes[name], each.partition != BY_UPLOAD
            if is_by_kafka and each.is_heartbeat and code in uploads and each.sent_at - uploads[code] > silence:
                forget_feed(code, BY_UPLOAD)
                del uploads[code]

    def _invalidate_prices(self, name: str, sent_at: datetime, partition: int | None = None) -> None:
        """Invalidate older prices of a partition, or of all; of a producer, or of all if the message's producer is
        unknown."""
        code = self.codes.get(name)
        if code is None and partition == BY_UPLOAD:
            execute(_ADD_UPLOADS, [partition, sent_at, sent_at])
        execute(_LOSE_PRICES, [sent_at, code, code, partition, partition])


def _sent_at(heard: tuple[str, Heard]) -> datetime:
    return heard[1].sent_at


def forget_feed(producer: int, partition: int) -> None:
    """Forget a partition in which a producer no longer sends. The transaction holds the lock of the prices."""
    execute(_FORGET, [producer, partition, partition])
