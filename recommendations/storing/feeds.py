"""Storing what messages say about producers, and when each of their feeds was heard."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from recommendations.models import MAX_PRODUCERS
from recommendations.validation.fields import EARLIEST
from recommendations.validation.markets import Heard, OddsRow
from tenants.routing.connections import execute, query

Codes = dict[str, int]

_PRODUCERS = "SELECT name, code, is_down, sends_heartbeats FROM producers"
_ADD_PRODUCERS = "INSERT INTO producers (code, name) SELECT * FROM unnest(%s::smallint[], %s::text[])"
_SET_PRODUCER = "UPDATE producers SET is_down = %s, sends_heartbeats = %s WHERE code = %s"
_FEEDS = "SELECT producer, partition, heard_at, valid_since FROM feeds"
_HEAR = """
INSERT INTO feeds AS feed (producer, partition, heard_at, valid_since, beats)
SELECT * FROM unnest(%s::smallint[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::bigint[])
ON CONFLICT (producer, partition) DO UPDATE SET heard_at = excluded.heard_at, valid_since = excluded.valid_since,
    beats = feed.beats + excluded.beats
"""
# Prices from before are not valid, from any partition.
_LOSE_PRICES = """
UPDATE feeds SET valid_since = greatest(valid_since, %s)
WHERE (%s::smallint IS NULL OR producer = %s) AND (%s::int IS NULL OR partition = %s)
"""


class Producers:
    """The producers of the current casino, under the lock of the prices."""

    def __init__(self) -> None:
        self.codes: Codes = {}
        self._states: dict[str, tuple[bool, bool]] = {}  # is_down, sends_heartbeats
        for name, code, is_down, sends_heartbeats in query(_PRODUCERS):
            self.codes[name] = code
            self._states[name] = is_down, sends_heartbeats

    def add(self, names: Iterable[str]) -> None:
        """Store new producers, as long as there are codes for them."""
        unused = [code for code in range(MAX_PRODUCERS) if code not in self.codes.values()]
        if new := list(zip(unused, sorted(set(names) - self.codes.keys()), strict=False)):
            execute(_ADD_PRODUCERS, [[code for code, _ in new], [name for _, name in new]])
            self.codes |= {name: code for code, name in new}
            self._states |= {name: (False, False) for _, name in new}

    def hear(self, rows: Sequence[OddsRow], silence: timedelta) -> None:
        """Store what the rows say about their feeds, in their order. A feed whose sender was silent for longer than
        `silence` has lost its older prices."""
        heard = [(row.producer, row.heard) for row in rows if row.heard is not None]
        known = [(name, each) for name, each in heard if name in self.codes]
        if known:
            self._note_states(known)
            self._note_times(known, silence)
        for name, each in heard:
            if each.is_down or each.loses_prices:
                self._lose_prices(name, each)

    def _note_states(self, heard: Iterable[tuple[str, Heard]]) -> None:
        states = dict(self._states)
        for name, each in heard:
            is_down, sends_heartbeats = states[name]
            is_down = each.is_down or (is_down and not each.is_heartbeat)
            states[name] = is_down, sends_heartbeats or each.is_heartbeat
        for name, state in states.items():
            if state != self._states[name]:
                execute(_SET_PRODUCER, [*state, self.codes[name]])

    def _note_times(self, heard: Iterable[tuple[str, Heard]], silence: timedelta) -> None:
        stored = {(producer, partition): times for producer, partition, *times in query(_FEEDS)}
        changed: dict[tuple[int, int], tuple[datetime, datetime, int]] = {}
        for name, each in heard:
            key = self.codes[name], each.partition
            heard_at, valid_since, beats = changed.get(key) or (*stored.get(key, (each.sent_at, EARLIEST)), 0)
            if each.sent_at - heard_at > silence:
                valid_since = max(valid_since, each.sent_at)
            changed[key] = max(heard_at, each.sent_at), valid_since, beats + each.is_heartbeat
        rows = [(*key, *values) for key, values in sorted(changed.items())]
        execute(_HEAR, [list(column) for column in zip(*rows, strict=True)])

    def _lose_prices(self, name: str, heard: Heard) -> None:
        """All feeds of a producer that is down, or of a partition where nobody can tell whose message it was."""
        code = self.codes.get(name)
        partition = None if heard.is_down else heard.partition
        execute(_LOSE_PRICES, [heard.sent_at, code, code, partition, partition])
