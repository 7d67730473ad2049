"""What is heard of producers: by partition, by HTTP, until they are down, and of partitions that are no more."""

from datetime import timedelta

import pytest

from recommendations.errors import FeedInUse
from recommendations.models import Feed, Producer
from recommendations.storing import forget_partition, store_odds
from recommendations.tests.factories import at
from recommendations.validation.fields import EARLIEST
from recommendations.validation.markets import BY_UPLOAD, Heard, OddsRow
from tenants.routing.context import use_casino


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def heard(minute, partition=0, producer="LIVE", **flags):
    return OddsRow(producer=producer, timestamp=at(minute), heard=Heard(partition, at(minute), **flags))


def beat(minute, partition=0, producer="LIVE"):
    return heard(minute, partition, producer, is_heartbeat=True)


def hear(*rows):
    store_odds(rows, silence=timedelta(minutes=2))


def feeds(code=0):
    """Partition -> when it was heard, and since when its prices are valid, in minutes."""
    return {
        each.partition: tuple(
            None if time == EARLIEST else (time - at(0)) // timedelta(minutes=1)
            for time in (each.heard_at, each.valid_since)
        )
        for each in Feed.objects.filter(producer=code)
    }


def is_down():
    return Producer.objects.get(code=0).is_down


@pytest.mark.parametrize("together", [True, False])
def test_a_heartbeat_from_before_a_producer_went_down_does_not_end_that(together):
    hear(beat(0), beat(0, 1))
    for rows in [(heard(5, is_down=True), beat(4, 1))] if together else [(heard(5, is_down=True),), (beat(4, 1),)]:
        hear(*rows)
    assert is_down()
    hear(beat(6, 1))
    assert not is_down()


def test_a_producer_that_went_down_before_it_was_up_is_up_if_both_are_read_together():
    hear(heard(0), heard(0, 1))
    hear(beat(6, 1), heard(5, is_down=True))
    assert not is_down()
    assert feeds() == {0: (5, 6), 1: (6, 6)}


def test_a_partition_that_lags_ends_what_its_late_down_began_by_its_own_up():
    """A producer sends `up` to each partition, as heartbeats: it needs no later one."""
    hear(beat(0), beat(0, 1))
    hear(beat(6, 1))
    hear(heard(5, is_down=True))
    assert is_down()
    hear(beat(6))
    assert not is_down()
    assert feeds() == {0: (6, 6), 1: (6, 6)}


def test_a_heartbeat_by_kafka_ends_the_wait_for_silent_ones_by_http_and_closes_older_prices():
    hear(beat(0, BY_UPLOAD), beat(1), beat(1, 1))
    assert feeds() == {BY_UPLOAD: (0, None), 0: (1, None), 1: (1, None)}
    hear(beat(3))
    assert feeds() == {0: (3, 0), 1: (1, 0)}


def test_heartbeats_by_http_and_kafka_count_both_while_none_is_silent():
    hear(beat(0, BY_UPLOAD), beat(1), beat(2, BY_UPLOAD), beat(3), beat(4, BY_UPLOAD), beat(5))
    assert feeds() == {BY_UPLOAD: (4, None), 0: (5, None)}


@pytest.mark.parametrize("later", [beat(9, producer="PREMATCH"), beat(9, BY_UPLOAD), heard(9)])
def test_nothing_but_the_producers_own_heartbeat_by_kafka_ends_that_wait(later):
    hear(beat(0, BY_UPLOAD), beat(0))
    hear(later)
    assert BY_UPLOAD in feeds()


def test_a_partition_that_is_no_more_is_forgotten_and_its_older_prices_stay_closed():
    hear(beat(0, 2), beat(0, 2, "PREMATCH"), beat(4), beat(5, 1))
    forget_partition("LIVE", 2)
    assert feeds() == {0: (4, 0), 1: (5, 0)}
    assert feeds(1) == {2: (0, None)}


@pytest.mark.parametrize(("producer", "partition"), [("LIVE", 1), ("LIVE", 7), ("NOBODY", 0), ("PREMATCH", 0)])
def test_a_partition_stays_that_is_the_latest_or_unknown(producer, partition):
    hear(beat(0), beat(1, 1), beat(0, 0, "PREMATCH"))
    with pytest.raises(FeedInUse, match=f"Partition {partition} of the producer {producer}"):
        forget_partition(producer, partition)
    assert feeds() == {0: (0, None), 1: (1, None)}


def test_an_unreadable_message_by_http_closes_what_producers_without_heartbeats_sent_so():
    hear(OddsRow(producer="LIVE", timestamp=at(1)), heard(2, producer="PREMATCH"))
    hear(OddsRow(timestamp=at(3), heard=Heard(BY_UPLOAD, at(3), loses_prices=True)))
    assert feeds(Producer.objects.get(name="LIVE").code) == {BY_UPLOAD: (3, 3)}
    assert feeds(Producer.objects.get(name="PREMATCH").code) == {0: (2, None)}


def test_another_casinos_feeds_stay(casino_b):
    with use_casino(casino_b.current, switch=True):
        hear(beat(0, BY_UPLOAD), beat(1))
    hear(beat(0, BY_UPLOAD), beat(5))
    assert set(feeds()) == {0}
    with use_casino(casino_b.current, switch=True):
        assert set(feeds()) == {BY_UPLOAD, 0}
