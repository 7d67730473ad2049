"""A casino's producers of prices, and the ones whose prices may be served now.

A feed closes without heartbeats for `feed_silence_seconds`, by the database's clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import msgspec
import numpy as np

from .price_rules import PriceRules
from .refusals import Refusal

_CODES = 256  # all values of a byte; a row may contain any of them
_NEVER_VALID = [inf] * _CODES
_OPEN, _CLOSED, _SILENT = Refusal.OPEN, Refusal.FEED_CLOSED, Refusal.FEED_SILENT  # enum members are slow to look up
Reasons = np.ndarray[Any, np.dtype[np.uint8]]

# For the select list of any query: the database's clock, and each producer. An event's prices come by one partition,
# which rows do not contain: the longest silence of a partition counts, and the latest `valid_since`.
FEEDS = """
(SELECT json_build_array(extract(epoch FROM clock_timestamp()), json_agg(json_build_array(
    code, name, closed_by_hand OR is_down, sends_heartbeats,
    extract(epoch FROM clock_timestamp() - heard.oldest), extract(epoch FROM heard.valid_since)
)))::text
FROM producers LEFT JOIN (
    SELECT producer, min(heard_at) AS oldest, max(valid_since) AS valid_since FROM feeds GROUP BY producer
) AS heard ON heard.producer = producers.code)
"""


class Producer(msgspec.Struct, frozen=True, array_like=True):
    """A producer. `silent_seconds`: since the latest message of the partition that is silent longest, None if it
    received none. Prices older than `valid_since` (Unix seconds) are not valid."""

    code: int
    name: str
    is_closed: bool
    sends_heartbeats: bool
    silent_seconds: float | None = None
    valid_since: float | None = None

    def refusal(self, silence_seconds: float) -> Refusal:
        if self.is_closed:
            return _CLOSED
        if not self.sends_heartbeats:
            return _OPEN
        is_heard = self.silent_seconds is not None and self.silent_seconds <= silence_seconds
        return _OPEN if is_heard else _SILENT


# Not strict: an infinite time is text in JSON.
_DECODER = msgspec.json.Decoder(tuple[float, list[Producer] | None], strict=False)


@dataclass(frozen=True, slots=True)
class Feeds:
    """The producers by code, as of `read_at` (Unix seconds of the database)."""

    read_at: float
    producers: Mapping[int, Producer]

    def alive(self, silence_seconds: float) -> int:
        """The bits of the producers whose prices may be served, as in `events.offered_by`."""
        return sum(1 << code for code, each in self.producers.items() if each.refusal(silence_seconds) is _OPEN)

    def name(self, code: int) -> str:
        producer = self.producers.get(code)
        return "" if producer is None else producer.name


NO_FEEDS = Feeds(0.0, {})


def decode_feeds(column: str | None) -> Feeds:
    """Decode the column `FEEDS`."""
    if column is None:
        return NO_FEEDS
    read_at, producers = _DECODER.decode(column)
    return Feeds(read_at, {each.code: each for each in producers or ()})


def stricter(first: Feeds, second: Feeds) -> Feeds:
    """Combine the feeds of two snapshots: a producer is open only if both say so. Between the snapshots, the message
    that reopens a feed may change a price that only the first snapshot has. A producer that the first lacks is as in
    the second."""
    producers = {code: _stricter(first.producers.get(code, each), each) for code, each in second.producers.items()}
    return Feeds(max(first.read_at, second.read_at), producers)


def _stricter(first: Producer, second: Producer) -> Producer:
    silent = [each.silent_seconds for each in (first, second) if each.silent_seconds is not None]
    return msgspec.structs.replace(
        second,
        is_closed=first.is_closed or second.is_closed,
        sends_heartbeats=first.sends_heartbeats or second.sends_heartbeats,
        silent_seconds=max(silent) if len(silent) == 2 else None,  # None: never heard
        valid_since=max((each.valid_since for each in (first, second) if each.valid_since is not None), default=None),
    )


def valid_from(feeds: Feeds, rules: PriceRules, max_age_seconds: float) -> list[float]:
    """By producer's code, 256 entries: the time of the oldest valid price, at most `max_age_seconds` ago (Unix
    seconds). It is infinite for a producer that is unknown or not open."""
    earliest = _NEVER_VALID.copy()
    oldest = max(max(rules.now, feeds.read_at) - max_age_seconds, 0.0)  # no price is older than 1970
    for code, producer in feeds.producers.items():
        if producer.refusal(rules.feed_silence_seconds) is _OPEN:
            valid_since = None if rules.trust_after_silence else producer.valid_since
            earliest[code] = oldest if valid_since is None else max(oldest, valid_since)
    return earliest


def refusals_of_feeds(feeds: Feeds, rules: PriceRules) -> Reasons:
    """By producer's code, shape (256,): the refusal of a price that is not valid."""
    refusals = np.full(_CODES, _CLOSED, np.uint8)
    for code, producer in feeds.producers.items():
        refusals[code] = producer.refusal(rules.feed_silence_seconds) or Refusal.STALE
    return refusals
