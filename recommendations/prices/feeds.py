"""The producers of a casino's prices, and which of them may be believed now.

A feed closes by itself: without heartbeats for `feed_silence_seconds`, by the database's clock, its prices are closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import msgspec
import numpy as np

from .price_rules import PriceRules
from .refusals import Refusal

_CODES = 256  # of a byte; any may stand in a row
_NEVER_VALID = [inf] * _CODES
_OPEN, _CLOSED, _SILENT = Refusal.OPEN, Refusal.FEED_CLOSED, Refusal.FEED_SILENT  # looking up a member takes a while
Reasons = np.ndarray[Any, np.dtype[np.uint8]]

# For the select list of any query: the database's clock, and each producer. Prices of one event come by one partition,
# which rows don't tell: the oldest heard one counts, and the latest time before which prices are not valid.
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
    """A producer; `silent_seconds` since its oldest partition was heard, None for one that never was. Prices from
    before `valid_since` (Unix seconds) are not valid."""

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
        """The bits of the producers that may be believed, as `events.offered_by` has them."""
        return sum(1 << code for code, each in self.producers.items() if each.refusal(silence_seconds) is _OPEN)

    def name(self, code: int) -> str:
        producer = self.producers.get(code)
        return "" if producer is None else producer.name


NO_FEEDS = Feeds(0.0, {})


def decode_feeds(column: str | None) -> Feeds:
    """Of the column `FEEDS`."""
    if column is None:
        return NO_FEEDS
    read_at, producers = _DECODER.decode(column)
    return Feeds(read_at, {each.code: each for each in producers or ()})


def stricter(first: Feeds, second: Feeds) -> Feeds:
    """What both believe: between two snapshots a feed may be heard again by the message that changes a price which only
    the first has. A producer that the first does not know is as the second has it."""
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
    """By each of 256 codes of producers: the earliest time of a valid price, which may be `max_age_seconds` old. A
    producer that is unknown or not believed has no valid price."""
    earliest = _NEVER_VALID.copy()
    oldest = max(max(rules.now, feeds.read_at) - max_age_seconds, 0.0)  # no price is of before 1970
    for code, producer in feeds.producers.items():
        if producer.refusal(rules.feed_silence_seconds) is _OPEN:
            valid_since = None if rules.trust_after_silence else producer.valid_since
            earliest[code] = oldest if valid_since is None else max(oldest, valid_since)
    return earliest


def refusals_of_feeds(feeds: Feeds, rules: PriceRules) -> Reasons:
    """By producer's code, shape (256,): why a price that is not valid is refused."""
    refusals = np.full(_CODES, _CLOSED, np.uint8)
    for code, producer in feeds.producers.items():
        refusals[code] = producer.refusal(rules.feed_silence_seconds) or Refusal.STALE
    return refusals
