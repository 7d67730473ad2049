"""Real fixtures, rescheduled so that most of them begin in the next two weeks."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from recommendations.validation.times import read_time

FIXTURES_FILE = Path(__file__).parent / "data" / "fixtures.csv"

# Weeks from now, in order of preference.
_WEEKS = (0, 1, -1, 2, -2, 3, -3, -4)


@dataclass(frozen=True, slots=True)
class Fixture:
    id: int
    sport: str
    league: str
    country: str
    home_team: str
    away_team: str
    begin: datetime
    end: datetime


def real_fixtures() -> list[Fixture]:
    with FIXTURES_FILE.open(newline="") as file:
        return [_read(number, row) for number, row in enumerate(csv.DictReader(file, strict=True), start=1)]


def reschedule(fixtures: Iterable[Fixture], now: datetime) -> list[Fixture]:
    """Move each fixture by whole weeks to the first of `_WEEKS` in which both teams are free on that day. The hour
    stays.

    Fixtures that fit no week are left out.
    """
    busy: set[tuple[str, str, date]] = set()
    moved = (_move(fixture, now, busy) for fixture in fixtures)
    return [fixture for fixture in moved if fixture is not None]


def _move(fixture: Fixture, now: datetime, busy: set[tuple[str, str, date]]) -> Fixture | None:
    to_coming_week = (now - fixture.begin) // timedelta(weeks=1) + 1
    for week in _WEEKS:
        shift = timedelta(weeks=to_coming_week + week)
        day = (fixture.begin + shift).date()
        teams = {(fixture.sport, team, day) for team in (fixture.home_team, fixture.away_team)}
        if not teams & busy:
            busy |= teams
            return replace(fixture, begin=fixture.begin + shift, end=fixture.end + shift)
    return None


def _read(number: int, row: dict[str, str]) -> Fixture:
    return Fixture(
        id=number,
        sport=row["sport"],
        league=row["league"],
        country=row["country"],
        home_team=row["home_team"],
        away_team=row["away_team"],
        begin=read_time(row["begin_timestamp"]),
        end=read_time(row["end_timestamp"]),
    )
