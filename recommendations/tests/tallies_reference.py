"""Reference implementation of tallies, in plain Python from the stored coupons."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from recommendations.models import Event
from recommendations.offer import ATTRIBUTES, TEXTS
from recommendations.tallies.user_tallies import Tallies

from .factories import keys_of

DAY = 86_400
LANDMARK = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
BOUNDS = (1.2, 1.35, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10)


def bands(odd: Any) -> dict[str, str]:
    """A void selection has none."""
    return {"odds_band": str(sum(float(odd) >= bound for bound in BOUNDS))} if odd else {}


def event_key(selection: Any) -> Any:
    keys = keys_of(**{name: selection.get(name, "") for name in TEXTS})
    return selection.get("event_id") or (keys["home_team"], keys["away_team"])


def values(selection: Any) -> dict[str, str]:
    return keys_of(**{name: selection.get(name, "") for name in TEXTS}) | bands(selection.get("odd"))


def selections_of(coupons: Any) -> list[tuple[float, Any]]:
    """(timestamp, selection), the oldest first."""
    ordered = sorted(coupons, key=lambda coupon: (coupon.timestamp, coupon.pk))
    return [
        (coupon.timestamp.timestamp(), each)
        for coupon in ordered
        for each in coupon.recommended_events
        if all(each.get(name) for name in ATTRIBUTES)
    ]


def assert_tallies_match_coupons(tallies: Tallies, coupons: Any) -> None:
    """The tallies equal those that the reference counts from these coupons."""
    selections = selections_of(coupons)
    counts: Any = defaultdict(Counter)
    weights: Any = defaultdict(Counter)
    for timestamp, each in selections:
        for attribute, value in values(each).items():
            counts[attribute][value] += 1
            weights[attribute][value] += 2 ** ((timestamp - LANDMARK) / (30 * DAY))
    assert {name: each for name, each in tallies.counts.items() if each} == counts
    for attribute, each in weights.items():
        assert tallies.weights_at(LANDMARK)[attribute] == pytest.approx(each, rel=1e-9)
    recent = [(each.timestamp, each.event_id, each.sport, each.league, each.odd) for each in tallies.recent]
    assert recent == [
        (
            timestamp,
            each.get("event_id"),
            each["sport"],
            values(each)["league"],
            float(each["odd"]) if each.get("odd") else None,
        )
        for timestamp, each in selections[-300:]
    ]
    newest = sorted(coupons, key=lambda coupon: (coupon.timestamp, coupon.pk))[-50:]
    assert tallies.stakes == [(coupon.timestamp.timestamp(), coupon.stake) for coupon in newest]
    assert tallies.older_events <= {event_key(each) for _, each in selections[:-300]}


def assert_no_upcoming_event_is_forgotten(tallies: Tallies, coupons: Any) -> None:
    events = Event.objects.filter(begin_timestamp__gt=datetime.now(UTC))
    rows = events.values("id", *TEXTS)
    upcoming = {each for row in rows for each in (row["id"], event_key({**row, "event_id": None}))}
    assert {event_key(each) for _, each in selections_of(coupons)[:-300]} & upcoming <= tallies.older_events
