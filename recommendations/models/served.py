"""Served recommendations."""

from django.db import models

from tenants.orm.model import CasinoModel

from .amount import AmountField
from .own_id import HasOwnUserId

MAX_NAME = 40  # length of the name of a placement, an experiment or a variant
MAX_CANDIDATES = 20  # candidates of a drawn event; this release draws from 5


class ServedSlip(HasOwnUserId, CasinoModel):
    """A served recommendation, for comparing it with the user's bets.

    `events` is a list of objects with `event_id`, `odd` and `score`, best first; if the last one was drawn, it has its
    `propensity` and the ids of its `candidates`. `asked_for` is the configured recommender, `recommender` the one that
    was used; `fallback` names the step of the fallback chain between them. `took_ms`: milliseconds from the request to
    the result, without HTTP; null if served by an older release.

    Answers without events are stored, too: `refusal` is the guard rail's code, empty if no event could be recommended.
    `placement` is the part of the casino's page that the request named. In an `experiment`, `variant` is the user's
    variant, `propensity` the probability of this slip if it was drawn, and `shown` is false for a slip that was
    computed and not sent.
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
    placement = models.CharField(max_length=MAX_NAME, blank=True, default="", db_default="")
    experiment = models.CharField(max_length=MAX_NAME, blank=True, default="", db_default="")
    variant = models.CharField(max_length=MAX_NAME, blank=True, default="", db_default="")
    propensity = models.FloatField(null=True)
    shown = models.BooleanField(default=True, db_default=True)
    refusal = models.CharField(max_length=MAX_NAME, blank=True, default="", db_default="")

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
