"""A casino made up: events with odds from the teams' strengths, and users whose tastes are known."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from recommendations.offer import ATTRIBUTES, offer_of_columns
from recommendations.offer.arrays import Floats
from recommendations.replay.csv_files import COUPON_COLUMNS, EVENT_COLUMNS
from recommendations.replay.history import History, PastCoupon

SPORTS = ("FOOTBALL", "BASKETBALL", "HANDBALL")
_DAY, _HOUR = 86_400.0, 3_600.0
_BEGIN = datetime(2025, 1, 6, tzinfo=UTC).timestamp()  # a Monday
_MARGIN = 1.06  # of the bookmaker
_PLAYS_FOR = 2 * _HOUR
_FADES_IN = 1.0 * _DAY  # the half-life of what the crowd does


@dataclass(frozen=True, slots=True)
class Preferences:
    """What users go by, in log-odds of choosing an event: one of their `teams`, their `league`, each doubling of the
    `crowd` that bet on it lately, odds near their own (`odds`), each halving of the hours to the begin (`soon`), their
    own `weekdays`. `loyalty` is how much of a user's bets go by tastes at all; the others are by chance."""

    teams: float = 2.0
    league: float = 1.0
    crowd: float = 0.3
    odds: float = 0.5
    soon: float = 0.4
    weekdays: float = 0.3
    loyalty: float = 0.9


USER_KINDS: Mapping[str, Preferences] = {
    "mixed": Preferences(),
    "fans": Preferences(teams=5.0, league=2.0, crowd=0.0, odds=0.2, soon=0.1, weekdays=0.0),
    "crowd": Preferences(teams=0.0, league=0.0, crowd=1.5, odds=0.0, soon=0.1, weekdays=0.0),
    "last-minute": Preferences(teams=0.2, league=0.2, crowd=0.0, odds=0.0, soon=2.5, weekdays=0.0),
}


@dataclass(frozen=True, slots=True)
class SimulatedCasino:
    """What is simulated. Each league's teams play each other on evenings, again and again."""

    seed: int = 1
    users: int = 200
    coupons: int = 4_000
    days: int = 90
    leagues: int = 9
    teams: int = 12
    events_a_day: float = 12.0
    opens_days_before: float = 5.0
    selections: int = 3  # at most, in a coupon
    preferences: Preferences = field(default_factory=Preferences)


def simulate(world: SimulatedCasino) -> History:
    """The history of such a casino; the same for the same `world`."""
    rng = np.random.default_rng(world.seed)
    rows = _events(rng, world)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(5 + len(ATTRIBUTES))]
    ids, begins, ends, odds, *attributes, opens_at = columns
    events = offer_of_columns(None, ids, begins, ends, odds, *attributes)
    opens = np.array(opens_at, dtype=np.float64)
    return History(events, opens, list(_Bettors(rng, world, History(events, opens, ())).coupons()))


def _events(rng: np.random.Generator, world: SimulatedCasino) -> list[tuple[Any, ...]]:
    strengths = rng.normal(0.0, 0.6, (world.leagues, world.teams))
    pairs = list(combinations(range(world.teams), 2))
    rows = []
    number = int(world.events_a_day * world.days)
    begins = np.sort(rng.integers(0, world.days, number) * _DAY + rng.integers(12, 22, number) * _HOUR) + _BEGIN
    for event_id, begin in enumerate(begins.tolist(), start=1):
        league = int(rng.integers(world.leagues))
        home, away = rng.permutation(pairs[int(rng.integers(len(pairs)))]).tolist()
        odd = _odd(float(strengths[league, home] - strengths[league, away]))
        opened = begin - world.opens_days_before * _DAY * float(rng.uniform(0.5, 1.0))
        names = (SPORTS[league % len(SPORTS)], f"LEAGUE {league}", f"COUNTRY {league // 2}")
        teams = (f"TEAM {league}-{home}", f"TEAM {league}-{away}")
        rows.append((event_id, begin, begin + _PLAYS_FOR, odd, *names, *teams, opened))
    return rows


def _odd(edge: float) -> float:
    """What the home team's victory pays: 1 / P, less the bookmaker's margin (Bradley and Terry 1952)."""
    return max(round((1.0 + float(np.exp(-edge - 0.2))) / _MARGIN, 2), 1.01)


class _Bettors:
    """The users, betting one after the other."""

    def __init__(self, rng: np.random.Generator, world: SimulatedCasino, history: History) -> None:
        self._rng, self._world, self._history = rng, world, history
        events = history.events
        self._weekdays = ((events.begins - _BEGIN) // _DAY % 7).astype(np.intp)
        self._log_odds = np.log(events.odds)
        self._bets = np.zeros(len(events))
        self._bet_at = np.zeros(len(events))
        self._chosen: list[set[int]] = [set() for _ in range(world.users)]
        self._users = [self._user() for _ in range(world.users)]

    def coupons(self) -> Iterator[PastCoupon]:
        world, rng = self._world, self._rng
        activity = rng.lognormal(0.0, 0.8, world.users)
        moments = np.sort(rng.uniform(0, world.days * _DAY, world.coupons)) + _BEGIN
        users = rng.choice(world.users, world.coupons, p=activity / activity.sum())
        for moment, user in zip(np.floor(moments).tolist(), users.tolist(), strict=True):
            if places := self._choose(user, moment):
                stake = round(float(rng.lognormal(2.0, 0.5)), 2)
                yield PastCoupon(user + 1, moment, tuple(places), stake)
                self._remember(user, moment, places)

    def _user(self) -> dict[str, Any]:
        """What one user likes: events by places for teams, league and odds, and weekdays."""
        rng, world = self._rng, self._world
        league = int(rng.integers(world.leagues))
        mine = {f"TEAM {league}-{team}" for team in rng.choice(world.teams, 2, replace=False).tolist()}
        events = self._history.events
        return {
            "teams": _has(events.home_team, mine) | _has(events.away_team, mine),
            "league": _has(events.league, {f"LEAGUE {league}"}),
            "log_odds": float(rng.normal(0.6, 0.3)),
            "weekdays": np.isin(self._weekdays, rng.choice(7, 3, replace=False)),
        }

    def _choose(self, user: int, now: float) -> list[int]:
        history = self._history
        is_open = (history.opens_at <= now) & (history.events.begins > now)
        places = np.array([place for place in np.flatnonzero(is_open).tolist() if place not in self._chosen[user]])
        if not places.size:
            return []
        likes = self._likes(self._users[user], places, now) * (self._rng.random() < self._world.preferences.loyalty)
        # the best of likes with Gumbel noise are drawn as by a logit, without replacement
        noisy = likes + self._rng.gumbel(size=places.size)
        number = min(int(self._rng.integers(1, self._world.selections + 1)), places.size)
        return [int(place) for place in places[np.argsort(-noisy)[:number]]]

    def _likes(self, user: dict[str, Any], places: Any, now: float) -> Floats:
        preferences, events = self._world.preferences, self._history.events
        faded = self._bets[places] * 2.0 ** ((self._bet_at[places] - now) / _FADES_IN)
        hours = (events.begins[places] - now) / _HOUR
        likes: Floats = (
            preferences.teams * user["teams"][places]
            + preferences.league * user["league"][places]
            + preferences.crowd * np.log2(1.0 + faded)
            - preferences.odds * np.abs(self._log_odds[places] - user["log_odds"]) * 4.0
            - preferences.soon * np.log2(1.0 + hours)
            + preferences.weekdays * user["weekdays"][places]
        )
        return likes

    def _remember(self, user: int, now: float, places: list[int]) -> None:
        self._chosen[user].update(places)
        self._bets[places] = self._bets[places] * 2.0 ** ((self._bet_at[places] - now) / _FADES_IN) + 1.0
        self._bet_at[places] = now


def _has(column: Any, names: set[str]) -> Any:
    return column.spread(np.array([value in names for value in column.values]))


def write_files(history: History, folder: Path) -> None:
    """`events.csv` and `coupons.csv`, as `evaluate` reads them. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "events.csv", EVENT_COLUMNS, _event_rows(history))
    _write(folder / "coupons.csv", COUPON_COLUMNS, _coupon_rows(history))


def _event_rows(history: History) -> Iterator[tuple[Any, ...]]:
    events = history.events
    for place in range(len(events)):
        times = (history.opens_at[place], events.begins[place], events.ends[place])
        names = (getattr(events, name)[place] for name in ATTRIBUTES)
        yield int(events.ids[place]), *names, f"{events.odds[place]:.2f}", *(_iso(float(each)) for each in times)


def _coupon_rows(history: History) -> Iterator[tuple[Any, ...]]:
    for number, coupon in enumerate(history.coupons, start=1):
        ids = ";".join(str(history.events.ids[place]) for place in coupon.places)
        yield number, coupon.user_id, f"{coupon.stake:.2f}", _iso(coupon.timestamp), ids


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
