"""Impressions and clicks of recommendations."""

from django.db import models
from django.db.models import Q

from tenants.orm.model import CasinoModel

from .own_id import HasOwnUserId

WHOLE_SLIP = 0  # in place of an event's id; no event has it


class ImpressionKind(models.TextChoices):
    SEEN = "seen"
    CLICKED = "clicked"


class Impression(HasOwnUserId, CasinoModel):
    """The first time that a user saw or clicked an event of a recommendation, or the whole slip (`WHOLE_SLIP`), at a
    `placement`, empty if none was sent.

    The user is part of the key, so that a message with another user's recommendation counts for nobody. The key is also
    the index for a user's impressions, which are counted by recommendation, exported and erased. There are no foreign
    keys, since an impression may arrive before its recommendation.
    """

    pk = models.CompositePrimaryKey("user_id", "recommendation_id", "kind", "event_id")
    user_id = models.BigIntegerField()
    recommendation_id = models.UUIDField()
    kind = models.TextField(choices=ImpressionKind.choices)
    event_id = models.BigIntegerField(default=WHOLE_SLIP, db_default=WHOLE_SLIP)
    placement = models.TextField(default="", db_default="", blank=True)
    timestamp = models.DateTimeField()

    class Meta:
        db_table = "impressions"
        constraints = [
            models.CheckConstraint(name="impression_kind_known", condition=Q(kind__in=ImpressionKind.values))
        ]
        indexes = [
            # pruning of old ones
            models.Index(name="impression_time", fields=["timestamp"]),
        ]

    def __str__(self) -> str:
        return f"recommendation {self.recommendation_id}, {self.kind} by user {self.own_user_id}"
