"""Rows of markets for tests, written to the current casino's database as by its consumer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models.functions import Coalesce

from recommendations.models import Event, Feed, Market, MarketLine, Producer
from recommendations.offer.arrays import Codes

ONE_X_TWO = {"HOME": 1.85, "DRAW": 3.6, "AWAY": 4.4}
PREMATCH, LIVE = 0, 1


def offered_by(*bits: int) -> Codes:
    """The column `offered_by` of an offer."""
    return np.array(bits, np.int32)


def producer(code: int = PREMATCH, **changes: Any) -> Producer:
    """A producer with a recent heartbeat in one partition, if it sends heartbeats."""
    made, _ = Producer.objects.update_or_create(
        code=code, defaults={"name": ("PREMATCH", "LIVE")[code], "sends_heartbeats": True} | changes
    )
    if not Feed.objects.filter(producer=code).exists():
        heard(code)
    return made


def heard(code: int = PREMATCH, *, partition: int = 0, seconds_ago: float = 0.0, valid_since: Any = None) -> None:
    now = datetime.now(UTC)
    Feed.objects.filter(producer=code, partition=partition).delete()
    Feed.objects.create(
        producer=code,
        partition=partition,
        heard_at=now - timedelta(seconds=seconds_ago),
        valid_since=valid_since or now - timedelta(days=30),
    )


def market(
    event_id: int,
    outcomes: Mapping[str, float] = ONE_X_TWO,
    *,
    name: str = "1X2",
    line: str = "",
    code: int = PREMATCH,
    **changes: Any,
) -> Market:
    """An open market line of an event; updates the event's `offered_by`. An odd of 0 is a closed outcome."""
    if not Producer.objects.filter(code=code).exists():
        producer(code)
    named, _ = MarketLine.objects.get_or_create(market=name, line=line, outcomes=[*outcomes])
    fields: dict[str, Any] = {
        "line_id": named.pk,
        "producer": code,
        "status": "open",
        "as_of": datetime.now(UTC),
        "odds": [round(odd * 1_000) for odd in outcomes.values()],
    }
    row = _stored(Market(event_id=event_id, **fields | changes))
    offered_by = Coalesce("offered_by", 0).bitor(1 << code)
    assert Event.objects.filter(pk=event_id).update(offered_by=offered_by) == 1, f"there is no event {event_id}"
    return row


def _stored(row: Market) -> Market:
    """Store the row with two queries; `update_or_create` takes six."""
    is_new = not Market.objects.filter(event_id=row.event_id, line_id=row.line_id).exists()
    row.save(force_insert=is_new, force_update=not is_new)
    return row
