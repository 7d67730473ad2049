"""Creates random impressions of served recommendations, for demos and tests."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recommendations.errors import NothingServed
from recommendations.models import ImpressionKind, ServedSlip
from recommendations.text_ids import texts_of, with_texts
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.own_ids import OwnId

_LATEST = 100
_SHARE_OF_CLICKS = 0.1


@dataclass(frozen=True, slots=True)
class ShownSlip:
    """A stored recommendation with the casino's own ids."""

    recommendation_id: UUID
    user_id: OwnId
    event_ids: tuple[OwnId, ...]


def latest_slips(most: int) -> list[ShownSlip]:
    """The current casino's latest stored recommendations with events, at most `most`."""
    latest = ServedSlip.objects.exclude(events=[]).order_by("-timestamp", "-id")
    slips = [(slip, [event["event_id"] for event in slip.events]) for slip in with_texts(latest)[:most]]
    texts = texts_of(each for _, event_ids in slips for each in event_ids)
    return [
        ShownSlip(slip.recommendation_id, slip.own_user_id, tuple(texts.get(each, each) for each in event_ids))
        for slip, event_ids in slips
    ]


def random_impression(slips: Sequence[ShownSlip], rng: random.Random, now: datetime) -> ImpressionRow:
    """An impression of a slip, or a click on one of its events."""
    slip = rng.choice(slips)
    is_click = rng.random() < _SHARE_OF_CLICKS
    return ImpressionRow(
        recommendation_id=slip.recommendation_id,
        user_id=slip.user_id,
        kind=ImpressionKind.CLICKED if is_click else ImpressionKind.SEEN,
        event_ids=(rng.choice(slip.event_ids),) if is_click else (),
        timestamp=now,
    )


def dummy_impression(rng: random.Random, *, now: datetime) -> ImpressionRow:
    """An impression of one of the latest recommendations. Raises NothingServed."""
    slips = latest_slips(_LATEST)
    if not slips:
        raise NothingServed("A dummy impression needs a stored recommendation; the casino has none")
    return random_impression(slips, rng, now)
