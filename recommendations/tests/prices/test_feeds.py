"""What a request believes of feeds whose state it read in several snapshots."""

from math import inf

import msgspec
import pytest

from recommendations.prices.feeds import Feeds, Producer, stricter, valid_from
from recommendations.prices.price_rules import PriceRules

LIVE = Producer(0, "LIVE", is_closed=False, sends_heartbeats=True, silent_seconds=1.0, valid_since=2.0)
RULES = PriceRules(now=9.0, feed_silence_seconds=10.0)


def earliest(feeds):
    return valid_from(feeds, RULES, 9.0)[LIVE.code]


@pytest.mark.parametrize(
    "earlier", [{"is_closed": True}, {"silent_seconds": None}, {"silent_seconds": 11.0}, {"valid_since": 5.0}]
)
def test_of_two_snapshots_of_a_feed_the_stricter_counts(earlier):
    both = Feeds(9.0, {0: LIVE}), Feeds(9.0, {0: msgspec.structs.replace(LIVE, **earlier)})
    assert earliest(both[0]) < earliest(both[1])
    for first, second in (both, both[::-1]):
        assert earliest(stricter(first, second)) == earliest(both[1])


def test_a_feed_that_one_snapshot_never_heard_is_silent_without_a_number():
    never = Feeds(9.0, {0: msgspec.structs.replace(LIVE, silent_seconds=None)})
    assert stricter(never, Feeds(9.0, {0: LIVE})).producers[0].silent_seconds is None


def test_a_producer_that_began_between_two_snapshots_is_as_the_second_has_it():
    assert earliest(stricter(Feeds(9.0, {}), Feeds(9.0, {0: LIVE}))) == 2.0
    assert earliest(stricter(Feeds(9.0, {0: LIVE}), Feeds(9.0, {}))) == inf
