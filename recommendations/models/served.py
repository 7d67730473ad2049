"""Served recommendations."""

from django.db import models

from tenants.orm.model import CasinoModel

from .amount import AmountField
from .own_id import HasOwnUserId


class ServedSlip(HasOwnUserId, CasinoModel):
    """A served recommendation, for comparing it with the user's bets.

    `events` is a list of objects with `event_id`, `odd` and `score`, best first. `asked_for` is the configured
    recommender, `recommender` the one that was used; `fallback` names the step of the fallback chain between them.
    `took_ms`: milliseconds from the request to the result, without HTTP; null if served by an older release.
    """

    recommendation_id = models.UUIDField(unique=True)
    user_id = models.BigIntegerField()
    timestamp = models.DateTimeField()
    recommender = models.CharField(max_length=100)
    asked_for = models.CharField(max_length=100)
    fallback = models.CharField(max_length=100, blank=True)
    model_version = models.CharField(max_length=100, blank=True)
    stake = AmountField()
    currency = models.CharField(max_length=10)
    events = models.JSONField()
    took_ms = models.FloatField(null=True)

    class Meta:
        db_table = "served_recommendations"
        verbose_name = "served recommendation"
        indexes = [
            # a user's recommendations, the latest first: comparison with coupons, the admin's user page, removal
            models.Index(name="served_user_time", fields=["user_id", "-timestamp", "-id"]),
            # pruning of old ones; also the admin's list, the latest first
            models.Index(name="served_time", fields=["timestamp", "id"]),
        ]

    def __str__(self) -> str:
        return f"recommendation {self.recommendation_id} for user {self.own_user_id}"
