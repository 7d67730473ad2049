"""Storing what messages say about producers, and when each of their feeds was heard."""

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
_HEAR = """
INSERT INTO feeds AS feed (producer, partition, heard_at, valid_since, beats)
SELECT * FROM unnest(%s::smallint[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::bigint[])
ON CONFLICT (producer, partition) DO UPDATE SET heard_at = excluded.heard_at, valid_since = excluded.valid_since,
    beats = feed.beats + excluded.beats
"""
# Prices from before it was last heard are not valid until they are sent again, by another partition.
_FORGET = """
WITH gone AS (DELETE FROM feeds WHERE producer = %s AND partition = %s RETURNING producer, heard_at, valid_since)
UPDATE feeds SET valid_since = greatest(feeds.valid_since, gone.heard_at, gone.valid_since) FROM gone
WHERE feeds.producer = gone.producer AND partition <> %s
"""
# Prices from before are not valid, from any partition.
_LOSE_PRICES = """
UPDATE feeds SET valid_since = greatest(valid_since, %s)
WHERE (%s::smallint IS NULL OR producer = %s) AND (%s::int IS NULL OR partition = %s)
"""
# Producers without heartbeats have no feed by HTTP or file until one of its messages could not be read.
_ADD_UPLOADS = """
INSERT INTO feeds (producer, partition, heard_at, valid_since, beats)
SELECT code, %s, %s, %s, 0 FROM producers WHERE NOT EXISTS (SELECT FROM feeds WHERE producer = code)
"""


class _State(NamedTuple):
    """Of a producer; prices from before `valid_since` are not valid."""

    is_down: bool = False
    sends_heartbeats: bool = False
    valid_since: datetime = EARLIEST


class Producers:
    """The producers of the current casino, under the lock of the prices."""

    def __init__(self) -> None:
        self.codes: Codes = {}
        self._states: dict[str, _State] = {}
        for name, code, is_down, sends_heartbeats, valid_since in query(_PRODUCERS):
            self.codes[name] = code
            self._states[name] = _State(is_down, sends_heartbeats, valid_since or EARLIEST)

    def add(self, names: Iterable[str]) -> None:
        """Store new producers, as long as there are codes for them."""
        unused = [code for code in range(MAX_PRODUCERS) if code not in self.codes.values()]
        if new := list(zip(unused, sorted(set(names) - self.codes.keys()), strict=False)):
            execute(_ADD_PRODUCERS, [[code for code, _ in new], [name for _, name in new]])
            self.codes |= {name: code for code, name in new}
            self._states |= {name: _State() for _, name in new}

    def hear(self, rows: Sequence[OddsRow], silence: timedelta) -> None:
        """Store what the rows say about their feeds, in their order. A feed whose sender was silent for longer than
        `silence` has lost its older prices, if it sends heartbeats; so has a producer that was down."""
        heard = [(row.producer, row.heard) for row in rows if row.heard is not None]
        known = [(name, each) for name, each in heard if name in self.codes]
        if known:
            self._note_times(known, silence)
            for name, each in self._note_states(known):
                self._lose_prices(name, each.sent_at)
        self.close(heard)

    def close(self, heard: Iterable[tuple[str, Heard]]) -> None:
        """Store from which time on prices can be trusted again. What is stored already, or later, stays."""
        for name, each in heard:
            if each.is_down:
                self._lose_prices(name, each.sent_at)
            elif each.loses_prices:
                self._lose_prices(name, each.sent_at, each.partition)

    def note_down(self, names: Iterable[str]) -> None:
        """These producers are down."""
        for name in set(names) & self._states.keys():
            execute(_SET_PRODUCER, [True, self._states[name].sends_heartbeats, self.codes[name]])

    def _note_states(self, heard: Iterable[tuple[str, Heard]]) -> list[tuple[str, Heard]]:
        """Store the producers' states. Returns the heartbeats by which those that were down are up again. Where several
        partitions are read together, the time of sending says what came later."""
        states, up = dict(self._states), []
        for name, each in sorted(heard, key=_sent_at):
            state = states[name]
            is_down, valid_since = state.is_down, state.valid_since
            if each.is_down:
                is_down, valid_since = True, max(valid_since, each.sent_at)
            elif is_down and each.is_heartbeat and each.sent_at >= valid_since:
                is_down = False  # not by an older one that came late, by another partition
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
            if each.sent_at - heard_at > silence and name in with_beats:  # else there was nothing to say
                valid_since = max(valid_since, each.sent_at)
            changed[key] = max(heard_at, each.sent_at), valid_since, beats + each.is_heartbeat
        rows = [(*key, *values) for key, values in sorted(changed.items())]
        execute(_HEAR, [list(column) for column in zip(*rows, strict=True)])
        self._give_up_uploads(heard, {key: times[0] for key, times in [*stored.items(), *changed.items()]}, silence)

    def _give_up_uploads(
        self, heard: Iterable[tuple[str, Heard]], heard_at: Mapping[FeedKey, datetime], silence: timedelta
    ) -> None:
        """Forget the silent feed by HTTP or file of a producer with a heartbeat by Kafka: unlike a partition, that feed
        can't be stalled."""
        uploads = {code: time for (code, partition), time in heard_at.items() if partition == BY_UPLOAD}
        for name, each in heard if uploads else ():
            code, is_by_kafka = self.codes[name], each.partition != BY_UPLOAD
            if is_by_kafka and each.is_heartbeat and code in uploads and each.sent_at - uploads[code] > silence:
                forget_feed(code, BY_UPLOAD)
                del uploads[code]

    def _lose_prices(self, name: str, sent_at: datetime, partition: int | None = None) -> None:
        """Of all feeds of a producer, or of a partition, where nobody can tell whose message it was."""
        code = self.codes.get(name)
        if code is None and partition == BY_UPLOAD:
            execute(_ADD_UPLOADS, [partition, sent_at, sent_at])
        execute(_LOSE_PRICES, [sent_at, code, code, partition, partition])


def _sent_at(heard: tuple[str, Heard]) -> datetime:
    return heard[1].sent_at


def forget_feed(producer: int, partition: int) -> None:
    """Forget a partition by which a producer's messages come no more. The transaction holds the lock of the prices."""
    execute(_FORGET, [producer, partition, partition])
