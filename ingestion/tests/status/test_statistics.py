from datetime import UTC, datetime, timedelta

import pytest

from ingestion.models import MessageCount
from ingestion.status.statistics import DayStatistics, by_hour, latest_rejections, quality, today
from tenants.routing.context import use_casino

NOW = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
HOUR = NOW.replace(minute=0)


def count(hours_ago, topic, outcome, number, *, is_rejection=False):
    hour = HOUR - timedelta(hours=hours_ago)
    MessageCount.objects.create(
        topic=topic, hour=hour, outcome=outcome, is_rejection=is_rejection, count=number, last_at=hour
    )


@pytest.fixture
def counted(casino_a, casino_b):
    with use_casino(casino_b.current):
        count(0, "users", "stored", 1_000)
    with use_casino(casino_a.current):
        count(0, "users", "stored", 5)
        count(0, "users", "missing", 2, is_rejection=True)
        count(0, "recommendations", "stored", 7)
        count(1, "events", "updated", 11)
        count(1, "events", "duplicate", 13)
        count(1, "coupons", "invalid", 17, is_rejection=True)
        count(15, "users", "stored", 19)  # yesterday
        count(15, "recommendations", "stored", 23)
        yield


def test_today_counts_from_midnight(counted):
    assert today(NOW) == DayStatistics(rejected=19, served=7, last_stored=HOUR)


def test_every_hour_has_its_own_numbers(counted):
    hours = by_hour(NOW, 16)
    assert [each.hour for each in hours] == [HOUR - timedelta(hours=back) for back in range(15, -1, -1)]
    numbers = [(each.ingested, each.rejected, each.served) for each in hours]
    assert numbers[-2:] == [(11, 17, 0), (5, 2, 7)]
    assert numbers[0] == (19, 0, 23)
    assert set(numbers[1:-2]) == {(0, 0, 0)}
    assert [each.ingested for each in by_hour(NOW, 1)] == [5]


def test_quality_is_by_topic_with_the_rejected_share(counted):
    found = {each.topic: each for each in quality(NOW, 7)}
    assert set(found) == {"users", "recommendations", "events", "coupons"}
    assert (found["users"].total, found["users"].rejected) == (26, 2)
    assert found["users"].rejected_share == pytest.approx(2 / 26)
    assert found["events"].outcomes == (("duplicate", 13), ("updated", 11))


def test_latest_rejections_are_newest_first_without_old_ones(counted):
    count(24 * 8, "users", "malformed", 1, is_rejection=True)
    found = latest_rejections(NOW, days=7, limit=5)
    assert [(each.topic, each.outcome) for each in found] == [("users", "missing"), ("coupons", "invalid")]
    assert len(latest_rejections(NOW, days=7, limit=1)) == 1


def test_statistics_of_a_casino_without_messages_are_empty(casino_a):
    with use_casino(casino_a.current):
        assert today(NOW) == DayStatistics(0, 0, None)
        assert quality(NOW, 7) == []
        assert latest_rejections(NOW, days=7, limit=5) == []
        assert {(each.ingested, each.rejected, each.served) for each in by_hour(NOW, 48)} == {(0, 0, 0)}
