"""A reference implementation of tallies, in plain Python, from the stored coupons."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from recommendations.models import Event
from recommendations.offer import ATTRIBUTES, TEXTS
from recommendations.tallies.outcome_bets import weights_of_bets
from recommendations.tallies.user_tallies import Tallies

from .factories import keys_of

DAY = 86_400
LANDMARK = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
BOUNDS = (1.2, 1.35, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10)


def bands(odd: Any) -> dict[str, str]:
    """The odds band; empty for a void selection."""
    return {"odds_band": str(sum(float(odd) >= bound for bound in BOUNDS))} if odd else {}


def event_key(selection: Any) -> Any:
    keys = keys_of(**{name: selection.get(name, "") for name in TEXTS})
    return selection.get("event_id") or (keys["home_team"], keys["away_team"])


def values(selection: Any) -> dict[str, str]:
    return keys_of(**{name: selection.get(name, "") for name in TEXTS}) | bands(selection.get("odd"))


def bet_values(selection: Any) -> dict[str, str]:
    """The values of a selection that names the outcome of a market, within its sport."""
    if not (selection.get("market") and selection.get("outcome")):
        return {}
    sport, line = selection["sport"], selection.get("line", "")
    band = line if not line or abs(float(line)) <= 20 else str(5 * round(float(line) / 5))
    parts = {
        "market": [selection["market"]],
        "market_line": [selection["market"], band],
        "market_outcome": [selection["market"], selection["outcome"]],
    } | {"market_" + name: [band] for name, band in bands(selection.get("odd")).items()}
    return {attribute: "\x1f".join([sport, *each]) for attribute, each in parts.items()}


def selections_of(coupons: Any) -> list[tuple[float, Any]]:
    """(timestamp, selection) of all selections, the oldest first."""
    ordered = sorted(coupons, key=lambda coupon: (coupon.timestamp, coupon.pk))
    return [
        (coupon.timestamp.timestamp(), each)
        for coupon in ordered
        for each in coupon.recommended_events
        if all(each.get(name) for name in ATTRIBUTES)
    ]


def assert_tallies_match_coupons(tallies: Tallies, coupons: Any) -> None:
    """Assert that the tallies equal the reference's tallies of these coupons."""
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
    assert_bets_match(tallies, selections[-300:])
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


def assert_bets_match(tallies: Tallies, recent: Any) -> None:
    """Assert that the bets on outcomes equal those of these recent selections."""
    weights: Any = defaultdict(Counter)
    for timestamp, each in recent:
        for attribute, value in bet_values(each).items():
            weights[attribute][value] += 2 ** ((timestamp - LANDMARK) / (30 * DAY))
    counted = weights_of_bets(tallies.bets_at(LANDMARK))
    for attribute in ("market", "market_line", "market_outcome", "market_odds_band"):
        assert counted[attribute] == pytest.approx(weights[attribute], rel=1e-9)
    outcomes = [(each.market, each.line, each.outcome) for each in tallies.recent]
    expected = [bet_values(each) for _, each in recent]
    assert [bool(market) for market, _, _ in outcomes] == [bool(each) for each in expected]
    for (market, line, outcome), each in zip(outcomes, expected, strict=True):
        assert not each or each["market_line"].split("\x1f")[1:] == [market, line]
        assert not each or each["market_outcome"].split("\x1f")[1:] == [market, outcome]


def assert_no_upcoming_event_is_forgotten(tallies: Tallies, coupons: Any) -> None:
    events = Event.objects.filter(begin_timestamp__gt=datetime.now(UTC))
    rows = events.values("id", *TEXTS)
    upcoming = {each for row in rows for each in (row["id"], event_key({**row, "event_id": None}))}
    assert {event_key(each) for _, each in selections_of(coupons)[:-300]} & upcoming <= tallies.older_events
