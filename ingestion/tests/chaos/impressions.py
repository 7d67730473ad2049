"""The impressions of one casino's users: random messages, and the rows that they must result in."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from recommendations.models import WHOLE_SLIP, ImpressionKind
from recommendations.simulation.dummies import dummy_user
from recommendations.storing import store_users
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.own_ids import OwnId
from recommendations.validation.rows import UserRow

# Stored before the first message: impressions of unknown users are not stored.
_VIEWERS = range(500_001, 500_011)  # greater than the ids of all other sent users
_SLIPS, _EVENTS = 400, 60

Key = tuple[OwnId, UUID, str, OwnId]
First = tuple[datetime, str]  # time and placement


def store_viewers(rng: random.Random) -> list[UserRow]:
    """Store the users who see recommendations in the current casino."""
    rows = [dummy_user(rng, now=timezone.now() - timedelta(days=1)) for _ in _VIEWERS]
    for own_id, row in zip(_VIEWERS, rows, strict=True):
        row.id, row.natural_key, row.personalisation = own_id, None, True
    store_users(rows)
    return rows


def random_impression(rng: random.Random, next_time: Callable[[], datetime]) -> ImpressionRow:
    """An impression of one of a few recommendations, so that most are seen and clicked several times."""
    slip = rng.randrange(_SLIPS)
    return ImpressionRow(
        recommendation_id=UUID(int=slip),
        user_id=_VIEWERS[slip % len(_VIEWERS)],
        kind=rng.choice(ImpressionKind.values),
        event_ids=tuple(rng.sample(range(1, _EVENTS), rng.randint(0, 3))),
        placement=rng.choice(["", "home", "betslip"]),
        timestamp=next_time(),
    )


class ExpectedImpressions:
    """The rows after all messages, in any order."""

    def __init__(self) -> None:
        self.rows: dict[Key, First] = {}

    def add(self, row: ImpressionRow) -> None:
        for event_id in row.event_ids or (WHOLE_SLIP,):
            key = row.user_id, row.recommendation_id, row.kind, event_id
            first = row.timestamp, row.placement
            self.rows[key] = min(self.rows.get(key, first), first)
