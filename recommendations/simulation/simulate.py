"""Simulates a casino's history: events with odds from the teams' strengths, and users with known preferences."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from recommendations.offer import ATTRIBUTES, offer_of_columns
from recommendations.offer.arrays import Floats, Mask, Places
from recommendations.replay.csv_files import COUPON_COLUMNS, EVENT_COLUMNS
from recommendations.replay.history import History, PastCoupon
from recommendations.validation.identity import name_of

SPORTS = ("FOOTBALL", "BASKETBALL", "HANDBALL")
_DAY, _HOUR = 86_400.0, 3_600.0
_BEGIN = datetime(2025, 1, 6, tzinfo=UTC).timestamp()  # a Monday
_MARGIN = 1.06  # of the bookmaker
_DURATION = 2 * _HOUR
_POPULARITY_HALF_LIFE = 1.0 * _DAY


@dataclass(frozen=True, slots=True)
class Preferences:
    """Users' preferences, as log-odds of choosing an event: for their `teams`, their `league`, each doubling of its
    popularity (`crowd`), odds near their usual ones (`odds`), each halving of the hours until its begin (`soon`), and
    their `weekdays`. `loyalty`: the share of bets by preference; the other bets are random."""

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
    """The parameters of a simulation. The teams of each league play each other repeatedly, in the evenings."""

    seed: int = 1
    users: int = 200
    coupons: int = 4_000
    days: int = 90
    leagues: int = 9
    teams: int = 12
    events_a_day: float = 12.0
    opens_days_before: float = 5.0
    selections: int = 3  # maximum of a coupon
    preferences: Preferences = field(default_factory=Preferences)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A coupon with its alternatives: the `places` of the open events without a bet of the user, shape (n,), and the
    user's `utilities` of them, without the random part of the choice."""

    coupon: PastCoupon
    places: Places
    utilities: Floats


def simulate(casino: SimulatedCasino) -> History:
    """Simulate a casino's history. Equal parameters give equal histories."""
    events, choices = simulate_choices(casino)
    return History(events.events, events.opens_at, [each.coupon for each in choices])


def simulate_choices(casino: SimulatedCasino) -> tuple[History, Iterator[Choice]]:
    """The events of a simulated casino, and its users' choices in chronological order."""
    rng = np.random.default_rng(casino.seed)
    rows = _events(rng, casino)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(5 + len(ATTRIBUTES))]
    events = offer_of_columns(None, [*columns[:-1], [""] * len(rows)])
    history = History(events, np.array(columns[-1], dtype=np.float64), ())
    return history, _Bettors(rng, casino, history).choices()


def _events(rng: np.random.Generator, casino: SimulatedCasino) -> list[tuple[Any, ...]]:
    strengths = rng.normal(0.0, 0.6, (casino.leagues, casino.teams))
    pairs = list(combinations(range(casino.teams), 2))
    rows = []
    number = int(casino.events_a_day * casino.days)
    begins = np.sort(rng.integers(0, casino.days, number) * _DAY + rng.integers(12, 22, number) * _HOUR) + _BEGIN
    for event_id, begin in enumerate(begins.tolist(), start=1):
        league = int(rng.integers(casino.leagues))
        home, away = rng.permutation(pairs[int(rng.integers(len(pairs)))]).tolist()
        odd = _odd(float(strengths[league, home] - strengths[league, away]))
        opened = begin - casino.opens_days_before * _DAY * float(rng.uniform(0.5, 1.0))
        names = (SPORTS[league % len(SPORTS)], f"LEAGUE {league}", f"COUNTRY {league // 2}")
        teams = (f"TEAM {league}-{home}", f"TEAM {league}-{away}")
        rows.append((event_id, begin, begin + _DURATION, odd, *names, *teams, opened))
    return rows


def _odd(edge: float) -> float:
    """The odd of the home team's victory: 1 / P (Bradley and Terry 1952), minus the bookmaker's margin."""
    return max(round((1.0 + float(np.exp(-edge - 0.2))) / _MARGIN, 2), 1.01)


@dataclass(frozen=True, slots=True, eq=False)
class _Bettor:
    """One user: masks (n,) of the events of the user's teams, league and weekdays, and the usual odds."""

    teams: Mask
    league: Mask
    log_odds: float
    weekdays: Mask


class _Bettors:
    """The users, who bet one after another."""

    def __init__(self, rng: np.random.Generator, casino: SimulatedCasino, history: History) -> None:
        self._rng, self._casino, self._history = rng, casino, history
        events = history.events
        self._weekdays = ((events.begins - _BEGIN) // _DAY % 7).astype(np.intp)
        self._log_odds = np.log(events.odds)
        self._bets = np.zeros(len(events))
        self._bet_at = np.zeros(len(events))
        self._chosen: list[set[int]] = [set() for _ in range(casino.users)]
        self._users = [self._user() for _ in range(casino.users)]

    def choices(self) -> Iterator[Choice]:
        casino, rng = self._casino, self._rng
        activity = rng.lognormal(0.0, 0.8, casino.users)
        times = np.sort(rng.uniform(0, casino.days * _DAY, casino.coupons)) + _BEGIN
        users = rng.choice(casino.users, casino.coupons, p=activity / activity.sum())
        for time, user in zip(np.floor(times).tolist(), users.tolist(), strict=True):
            places = self._open_places(user, time)
            if places.size:
                utilities = self._utilities(self._users[user], places, time)
                chosen = self._choose(places, utilities)
                stake = round(float(rng.lognormal(2.0, 0.5)), 2)
                yield Choice(PastCoupon(user + 1, time, tuple(chosen), stake), places, utilities)
                self._add(user, time, chosen)

    def _user(self) -> "_Bettor":

        rng, casino = self._rng, self._casino
        league = int(rng.integers(casino.leagues))
        mine = {f"TEAM {league}-{team}" for team in rng.choice(casino.teams, 2, replace=False).tolist()}
        events = self._history.events
        return _Bettor(
            teams=_has(events.home_team, mine) | _has(events.away_team, mine),
            league=_has(events.league, {f"LEAGUE {league}"}),
            log_odds=float(rng.normal(0.6, 0.3)),
            weekdays=np.isin(self._weekdays, rng.choice(7, 3, replace=False)),
        )

    def _open_places(self, user: int, now: float) -> Places:
        history = self._history
        is_open = (history.opens_at <= now) & (history.events.begins > now)
        return np.array(
            [place for place in np.flatnonzero(is_open).tolist() if place not in self._chosen[user]], np.intp
        )

    def _choose(self, places: Places, utilities: Floats) -> list[int]:
        utilities = utilities * (self._rng.random() < self._casino.preferences.loyalty)
        # the largest utilities with Gumbel noise are a sample of the logit without replacement
        noisy = utilities + self._rng.gumbel(size=places.size)
        number = min(int(self._rng.integers(1, self._casino.selections + 1)), places.size)
        return [int(place) for place in places[np.argsort(-noisy)[:number]]]

    def _utilities(self, user: "_Bettor", places: Places, now: float) -> Floats:
        preferences, events = self._casino.preferences, self._history.events
        popularity = self._bets[places] * 2.0 ** ((self._bet_at[places] - now) / _POPULARITY_HALF_LIFE)
        hours = (events.begins[places] - now) / _HOUR
        utilities: Floats = (
            preferences.teams * user.teams[places]
            + preferences.league * user.league[places]
            + preferences.crowd * np.log2(1.0 + popularity)
            - preferences.odds * np.abs(self._log_odds[places] - user.log_odds) * 4.0
            - preferences.soon * np.log2(1.0 + hours)
            + preferences.weekdays * user.weekdays[places]
        )
        return utilities

    def _add(self, user: int, now: float, places: list[int]) -> None:
        self._chosen[user].update(places)
        decay = 2.0 ** ((self._bet_at[places] - now) / _POPULARITY_HALF_LIFE)
        self._bets[places] = self._bets[places] * decay + 1.0
        self._bet_at[places] = now


def _has(column: Any, names: set[str]) -> Any:
    return column.spread(np.array([name_of(value) in names for value in column.values]))


def write_files(history: History, folder: Path) -> None:
    """Write `events.csv` and `coupons.csv`, the input of `evaluate`. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "events.csv", EVENT_COLUMNS, _event_rows(history))
    _write(folder / "coupons.csv", COUPON_COLUMNS, _coupon_rows(history))


def _event_rows(history: History) -> Iterator[tuple[Any, ...]]:
    events = history.events
    for place in range(len(events)):
        times = (history.opens_at[place], events.begins[place], events.ends[place])
        names = events.names(place).values()
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
