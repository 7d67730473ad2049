"""Reads the current casino's history from its database."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from recommendations.offer import TEXTS, offer_of_columns
from recommendations.validation.identity import Match, match_of
from tenants.routing.connections import casino_connection

from .casino_outcomes import MAX_SERVED, SERVED, ObservedOutcome, outcome_of, price_changes
from .history import DAY, History, OddsChange, PastCoupon, PastUser, PriceChange

MAX_COUPONS = 100_000  # the latest ones
_ASSUMED_OPEN_SECONDS = 7 * DAY  # assumed time from opening to begin, if the opening time is unknown

_COUPONS = """
SELECT user_id, extract(epoch FROM timestamp)::float8, stake, recommended_events FROM purchased_coupons AS coupon
WHERE timestamp >= %s AND timestamp < %s
    AND NOT EXISTS (SELECT FROM users WHERE users.id = coupon.user_id AND NOT users.personalisation)
ORDER BY timestamp DESC, id DESC LIMIT %s
"""
# The text columns are in the order of `TEXTS`.
_EVENTS = """
SELECT id, extract(epoch FROM begin_timestamp)::float8, extract(epoch FROM end_timestamp)::float8,
  coalesce(odd::float8, 'NaN'),
  sport, league, country, home_team, away_team, category, extract(epoch FROM stored_at)::float8
FROM events WHERE end_timestamp >= %s ORDER BY id
"""
_USERS = "SELECT id, country, favorite_sport FROM users WHERE id = ANY(%s)"

_MATCH = ("sport", "country", "category", "home_team", "away_team")
_Selection = tuple[float, int, float | None]  # timestamp, place, odd


def casino_history(
    *, casino_id: int, until: datetime, since: datetime | None = None, events_since: datetime | None = None
) -> History:
    """Read the latest `MAX_COUPONS` coupons from `since` until before `until`, and the events that end after the first
    of these coupons, or after `events_since` if that is earlier.

    An event's opening time is that of its storing or of its first bet, whichever is earlier; for an event stored after
    its begin, a week before the begin. Odds come from the selections; each is valid from its coupon on.
    """
    rows = list(reversed(_query(_COUPONS, [since or datetime.min.replace(tzinfo=until.tzinfo), until, MAX_COUPONS])))
    earliest = (events_since or until).timestamp()
    if rows:
        earliest = min(earliest, rows[0][1])
    events = _query(_EVENTS, [datetime.fromtimestamp(earliest, until.tzinfo)])
    places = _Places(events)
    coupons, selected, observed, left_out = [], list[_Selection](), list[ObservedOutcome](), 0
    for user_id, timestamp, stake, selections in rows:
        found = [(places.of(each, timestamp), _odd(each), outcome_of(each)) for each in _objects(selections)]
        left_out += sum(place is None for place, *_ in found)
        known = [(place, odd, outcome) for place, odd, outcome in found if place is not None]
        # the odd of an outcome is not the event's own
        selected += [(timestamp, place, odd if outcome is None else None) for place, odd, outcome in known]
        observed += [(timestamp, place, outcome, odd) for place, odd, outcome in known if outcome is not None]
        bets = tuple((place, outcome) for place, _, outcome in known if outcome is not None)
        coupons.append(PastCoupon(user_id, timestamp, tuple(dict.fromkeys(p for p, *_ in known)), float(stake), bets))
    if observed:
        observed += _served(places, datetime.fromtimestamp(earliest - _ASSUMED_OPEN_SECONDS, until.tzinfo), until)
    history = _history(events, coupons, selected, price_changes(observed), casino_id=casino_id, left_out=left_out)
    return replace(history, known_since=rows[0][1]) if len(rows) == MAX_COUPONS else history


def _served(places: "_Places", since: datetime, until: datetime) -> Iterator[ObservedOutcome]:
    """The outcomes in served recommendations."""
    for timestamp, events in _query(SERVED, [since, until, MAX_SERVED]):
        for each in _objects(events):
            place, outcome = places.find_id(each.get("event_id")), outcome_of(each)
            if place is not None and outcome is not None:
                yield timestamp, place, outcome, _odd(each)


def _history(
    events: list[Any],
    coupons: list[PastCoupon],
    selected: list[_Selection],
    prices: list[PriceChange],
    *,
    casino_id: int,
    left_out: int,
) -> History:
    columns = [list(column) for column in zip(*events, strict=True)] or [[] for _ in range(5 + len(TEXTS))]
    ids, begins, ends, odds, *texts, stored_at = columns
    changes = list(_changes(selected, odds))
    return History(
        events=offer_of_columns(None, [ids, begins, ends, odds, *texts]),
        opens_at=_opens_at(begins, stored_at, selected),
        coupons=coupons,
        users=_users({coupon.user_id for coupon in coupons}),
        odds_changes=changes,
        price_changes=prices,
        left_out=left_out,
        casino_id=casino_id,
    )


class _Places:
    """The place of a selection's event: by its id, else the next match of the same teams."""

    def __init__(self, events: list[Any]) -> None:
        self._begins = [row[1] for row in events]
        self._by_id = {row[0]: place for place, row in enumerate(events)}
        self._by_match: dict[Match, list[int]] = defaultdict(list)
        for place, row in enumerate(events):
            sport, _, country, home, away, category = row[4:10]
            self._by_match[match_of(sport, country, category, home, away)].append(place)

    def of(self, selection: dict[str, Any], timestamp: float) -> int | None:
        if (event_id := selection.get("event_id")) is not None:
            return self.find_id(event_id)
        match = match_of(*(str(selection.get(name) or "") for name in _MATCH))
        same = self._by_match.get(match, ())
        return min((p for p in same if self._begins[p] > timestamp), key=self._begins.__getitem__, default=None)

    def find_id(self, event_id: Any) -> int | None:
        return self._by_id.get(event_id) if isinstance(event_id, int) else None


def _objects(selections: Any) -> Iterator[dict[str, Any]]:
    found = json.loads(selections) if isinstance(selections, str) else selections
    yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _odd(selection: dict[str, Any]) -> float | None:
    try:
        odd = float(selection["odd"])
    except (KeyError, TypeError, ValueError):
        return None
    return odd if 1.0 < odd < float("inf") else None


def _changes(selected: Iterable[_Selection], odds: list[float]) -> Iterator[OddsChange]:
    """Yield the changes of odds, and set `odds` to the first known odd of each event."""
    latest: dict[int, float] = {}
    for timestamp, place, odd in selected:
        if odd is None or latest.get(place) == odd:
            continue
        if place not in latest:
            odds[place] = odd
        else:
            yield OddsChange(timestamp, place, odd)
        latest[place] = odd


def _opens_at(begins: list[float], stored_at: list[float | None], selected: Iterable[_Selection]) -> Any:
    pairs = zip(begins, stored_at, strict=True)
    opens = [at if at is not None and at < begin else begin - _ASSUMED_OPEN_SECONDS for begin, at in pairs]
    for timestamp, place, _ in selected:
        opens[place] = min(opens[place], timestamp)
    return np.array(opens, dtype=np.float64)


def _users(ids: set[int]) -> dict[int, PastUser]:
    return {user_id: PastUser(country, sport) for user_id, country, sport in _query(_USERS, [sorted(ids)])}


def _query(sql: str, parameters: list[Any]) -> list[Any]:
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
        return rows
