"""Impressions as validated rows."""

from datetime import datetime
from uuid import UUID

import msgspec

from recommendations.errors import InvalidRow
from recommendations.models import ImpressionKind
from tenants.ids import MAX_ID

from . import fields
from .own_ids import OwnId
from .placements import placement
from .settings_limits import limits


class ImpressionRow(msgspec.Struct, kw_only=True):
    """A user saw or clicked events of a recommendation at this time; without `event_ids`, the whole slip. `placement`
    is empty if unknown."""

    recommendation_id: UUID
    user_id: OwnId
    kind: str
    event_ids: tuple[OwnId, ...] = ()
    placement: str = ""
    timestamp: datetime

    def __post_init__(self) -> None:
        self.user_id = fields.identity("user_id", self.user_id, MAX_ID)
        if self.kind not in ImpressionKind.values:
            raise InvalidRow("unknown_value", "kind", f"must be one of {', '.join(ImpressionKind.values)}")
        if len(self.event_ids) > limits.selections:
            problem = f"lists {len(self.event_ids)} events; must list at most {limits.selections}"
            raise InvalidRow("out_of_range", "event_ids", problem)
        self.event_ids = tuple(dict.fromkeys(fields.identity("event_ids", each, MAX_ID) for each in self.event_ids))
        if self.placement != "":
            self.placement = placement("placement", self.placement)
        self.timestamp = fields.instant("timestamp", self.timestamp)
