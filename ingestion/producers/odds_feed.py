"""A dummy feed of prices for casinos' open events, with heartbeats to each partition."""

import random
import time
from collections.abc import Iterator, Sequence

import msgspec
from django.utils import timezone

from ingestion.errors import NothingToSend
from recommendations.models import Event, EventStatus
from recommendations.text_ids import texts_of
from recommendations.validation.own_ids import OwnId
from tenants.models import Casino
from tenants.routing.context import use_casino

from .load_generator import GeneratedMessage

PRODUCER = "DUMMY"
HEARTBEAT_SECONDS = 2.0
_POOL = 500  # events of a casino
_SHARE_OF_STOPS = 0.02
_MARKETS = (
    ("1X2", None, ("HOME", "DRAW", "AWAY")),
    ("TOTALS", 1.5, ("OVER", "UNDER")),
    ("TOTALS", 2.5, ("OVER", "UNDER")),
    ("BOTH TEAMS TO SCORE", None, ("YES", "NO")),
)
_BEAT = msgspec.json.encode({"producer": PRODUCER, "heartbeat": {"complete": True}})


def generate_odds(casinos: Sequence[Casino], rng: random.Random, partitions: int) -> Iterator[GeneratedMessage]:
    """Endless messages: prices of a random event, now and then a stop, and heartbeats every `HEARTBEAT_SECONDS`. Raises
    NothingToSend if no casino has an open event with an id of its own."""
    events = [(casino.pk, event_id) for casino in casinos for event_id in _events_of(casino)]
    if not events:
        raise NothingToSend("No casino has open events with ids of their own: send events first.")
    beat_at = 0.0
    while True:
        if time.monotonic() >= beat_at:
            beat_at = time.monotonic() + HEARTBEAT_SECONDS
            for casino in casinos:
                yield from (GeneratedMessage(casino.pk, "", _BEAT, partition) for partition in range(partitions))
        casino_id, event_id = rng.choice(events)
        yield GeneratedMessage(casino_id, str(event_id), _message(event_id, rng))


def _events_of(casino: Casino) -> list[OwnId]:
    with use_casino(casino.current):
        offer = Event.objects.filter(
            begin_timestamp__gt=timezone.now(), status=EventStatus.OPEN, natural_key__isnull=True
        ).order_by("begin_timestamp", "id")
        ids = list(offer.values_list("pk", flat=True)[:_POOL])
        texts = texts_of(ids)
    return [texts.get(event_id, event_id) for event_id in ids]


def _message(event_id: OwnId, rng: random.Random) -> bytes:
    about = {"event_id": event_id, "producer": PRODUCER, "timestamp": timezone.now()}
    if rng.random() < _SHARE_OF_STOPS:
        return msgspec.json.encode(about | {"stop": True})
    return msgspec.json.encode(
        about | {"markets": [_market(name, line, outcomes, rng) for name, line, outcomes in _MARKETS]}
    )


def _market(name: str, line: float | None, outcomes: Sequence[str], rng: random.Random) -> dict[str, object]:
    """Probabilities that add up to 1.06, the bookmaker's margin of six percent."""
    shares = [rng.uniform(0.5, 1.5) for _ in outcomes]
    odds = [round(sum(shares) / share / 1.06, 2) for share in shares]
    prices = [{"outcome": outcome, "odd": odd} for outcome, odd in zip(outcomes, odds, strict=True)]
    market: dict[str, object] = {"market": name, "outcomes": prices}
    return market if line is None else market | {"line": line}
