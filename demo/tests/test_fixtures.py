"""The demo's fixtures, rescheduled to the next two weeks."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from demo.casino_messages import scheduled_fixtures
from demo.fixtures import FIXTURES_FILE, real_fixtures, reschedule
from demo.generated_fixtures import generated_fixtures

pytestmark = [pytest.mark.slow, pytest.mark.covered]

NOW = datetime(2027, 3, 3, 14, 30, tzinfo=UTC)


def test_data_file_has_many_leagues_and_countries():
    fixtures = real_fixtures()
    assert 3_000 <= len(fixtures) <= 6_000
    assert len({fixture.league for fixture in fixtures}) > 30
    assert len({fixture.country for fixture in fixtures}) > 30
    assert {fixture.sport for fixture in fixtures} == {"FOOTBALL"}
    assert FIXTURES_FILE.with_name("README.md").read_text().count("CC0") == 1


@pytest.mark.parametrize("now", [NOW, NOW + timedelta(days=3), NOW + timedelta(days=200, hours=7)])
def test_most_fixtures_begin_in_the_next_two_weeks(now):
    fixtures = scheduled_fixtures(now)
    coming = [fixture for fixture in fixtures if now < fixture.begin < now + timedelta(days=14)]
    assert len(coming) > len(fixtures) / 2
    assert any(fixture.begin < now for fixture in fixtures)


def test_no_team_plays_twice_on_a_day():
    days = Counter(
        (fixture.sport, team, fixture.begin.date())
        for fixture in reschedule(real_fixtures(), NOW)
        for team in (fixture.home_team, fixture.away_team)
    )
    assert max(days.values()) == 1


def test_rescheduling_keeps_weekday_hour_and_length():
    before = {fixture.id: fixture for fixture in real_fixtures()}
    for after in reschedule(before.values(), NOW):
        original = before[after.id]
        assert (after.begin - original.begin) % timedelta(weeks=1) == timedelta(0)
        assert after.end - after.begin == original.end - original.begin


def test_generated_fixtures_are_marked_in_their_league():
    fixtures = generated_fixtures(random.Random(1))
    assert {fixture.sport for fixture in fixtures} == {"BASKETBALL", "HANDBALL"}
    assert all("(GENERATED)" in fixture.league for fixture in fixtures)


def test_ids_are_unique_and_the_same_on_another_day():
    today, later = scheduled_fixtures(NOW), scheduled_fixtures(NOW + timedelta(days=30))
    assert len({fixture.id for fixture in today}) == len(today)
    teams = {fixture.id: (fixture.home_team, fixture.away_team) for fixture in today}
    assert all(
        teams.get(fixture.id, (fixture.home_team, fixture.away_team))[0] == fixture.home_team for fixture in later
    )
