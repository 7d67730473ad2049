"""Attributed coupons, the answers and bets of each user's day, and their sums by day."""

from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from tenants.orm.model import CasinoModel

from .amount import AmountField
from .served import MAX_NAME


class Due(StrEnum):
    """The kind of the ids and days in a note."""

    COUPONS = "coupons"  # ids of stored coupons
    ANSWERS = "answers"  # row ids of stored answers
    IMPRESSIONS = "impressions"  # recommendations that were seen or clicked
    USER_DAYS = "user_days"  # ids of users, and a day of each
    DAYS = "days"  # days whose sums are due


class DueAttribution(CasinoModel):
    """A note for the attribution job, written in the transaction that stored or deleted the rows."""

    kind = models.CharField(max_length=20)
    ids = ArrayField(models.BigIntegerField(), default=list, db_default=models.Value("{}"))
    days = ArrayField(models.DateField(), default=list, db_default=models.Value("{}"))
    recommendations = ArrayField(models.UUIDField(), default=list, db_default=models.Value("{}"))
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "due_attributions"

    def __str__(self) -> str:
        return f"{self.kind} of {self.added_at:%Y-%m-%d %H:%M:%S}"


class How(StrEnum):
    """The finest level on which all matched selections of a coupon agree with its recommendation."""

    NAMED = "named"  # the coupon names the recommendation
    EVENT = "event"
    MARKET = "market"
    OUTCOME = "outcome"


class Attribution(CasinoModel):
    """The recommendation that a coupon is attributed to. `day` is the coupon's day (UTC), `seconds` the time from the
    recommendation to the coupon. `matched` has the ids of the events in both; `matched_selections` of the coupon's
    `selections` are on these events, and `markets` has their markets. `credit_a` and `credit_b` count matched
    selections by the team of a drafted slip."""

    coupon_id = models.BigIntegerField(primary_key=True)
    user_id = models.BigIntegerField()
    day = models.DateField()
    recommendation_id = models.UUIDField()
    recommender = models.CharField(max_length=100)
    placement = models.CharField(max_length=MAX_NAME, blank=True)
    experiment = models.CharField(max_length=MAX_NAME, blank=True)
    variant = models.CharField(max_length=MAX_NAME, blank=True)
    shown = models.BooleanField()
    stake = AmountField()
    matched_stake = AmountField()
    currency = models.CharField(max_length=10, blank=True)
    selections = models.SmallIntegerField()
    matched_selections = models.SmallIntegerField()
    matched = ArrayField(models.BigIntegerField())
    markets = ArrayField(models.TextField())
    how = models.CharField(max_length=10)
    credit_a = models.SmallIntegerField()
    credit_b = models.SmallIntegerField()
    seconds = models.FloatField()

    class Meta:
        db_table = "attributions"
        indexes = [
            # a user's attributed coupons of a day, for the user's sums of that day; erasure
            models.Index(name="attribution_user_day", fields=["user_id", "day"]),
            # sales by market in a period; pruning
            models.Index(name="attribution_day", fields=["day"]),
        ]

    def __str__(self) -> str:
        return f"coupon {self.coupon_id} by recommendation {self.recommendation_id}"


class UserDay(CasinoModel):
    """The answers and attributed coupons of a user, day (UTC), recommender, placement, experiment and variant. In the
    row without these names, `bets` and `stake` count all the user's coupons of the day.

    `answers` were sent; `empty` of them had no events, and `refused` were refusals. `withheld` were computed and not
    sent. `bets`, `stake` and `matched_stake` count coupons attributed to sent answers, `withheld_bets` the others.
    The casino reported impressions of `seen` and clicks on `clicked` of the answers."""

    user_id = models.BigIntegerField()
    day = models.DateField()
    recommender = models.CharField(max_length=100, blank=True)
    placement = models.CharField(max_length=MAX_NAME, blank=True)
    experiment = models.CharField(max_length=MAX_NAME, blank=True)
    variant = models.CharField(max_length=MAX_NAME, blank=True)
    answers = models.IntegerField(default=0)
    empty = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    withheld = models.IntegerField(default=0)
    seen = models.IntegerField(default=0)
    clicked = models.IntegerField(default=0)
    bets = models.IntegerField(default=0)
    withheld_bets = models.IntegerField(default=0)
    stake = AmountField(default=0)
    matched_stake = AmountField(default=0)
    credit_a = models.IntegerField(default=0)
    credit_b = models.IntegerField(default=0)

    class Meta:
        db_table = "user_days"
        constraints = [
            models.UniqueConstraint(
                name="user_day_unique",
                fields=["user_id", "day", "recommender", "placement", "experiment", "variant"],
            ),
        ]
        indexes = [
            # a day's sums; an experiment's users; pruning
            models.Index(name="user_day_day", fields=["day"], include=["user_id"]),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} on {self.day}"


class Breakdown(StrEnum):
    """The grouping of a row of sums."""

    VARIANT = "variant"  # with recommender, placement and experiment
    RECOMMENDER = "recommender"
    PLACEMENT = "placement"
    TOTAL = "total"


class RecommendationDay(CasinoModel):
    """A day's sums of `user_days` by currency; never pruned. Amounts are in `currency`.

    `active` users got an answer, or in the total an answer or a coupon; `reached` users got an answer with events;
    `bettors` have attributed coupons; `converted` users were reached and have attributed coupons. `coupons` and
    `coupon_stake` count all of the day's coupons, in the total only."""

    day = models.DateField()
    breakdown = models.CharField(max_length=12)
    recommender = models.CharField(max_length=100, blank=True)
    placement = models.CharField(max_length=MAX_NAME, blank=True)
    experiment = models.CharField(max_length=MAX_NAME, blank=True)
    variant = models.CharField(max_length=MAX_NAME, blank=True)
    currency = models.CharField(max_length=10, blank=True)
    answers = models.BigIntegerField()
    empty = models.BigIntegerField()
    refused = models.BigIntegerField()
    withheld = models.BigIntegerField()
    seen = models.BigIntegerField()
    clicked = models.BigIntegerField()
    active = models.BigIntegerField()
    reached = models.BigIntegerField()
    bettors = models.BigIntegerField()
    converted = models.BigIntegerField()
    bets = models.BigIntegerField()
    stake = AmountField()
    matched_stake = AmountField()
    coupons = models.BigIntegerField()
    coupon_stake = AmountField()

    class Meta:
        db_table = "recommendation_days"
        constraints = [
            # also the index for the sums of a period
            models.UniqueConstraint(
                name="recommendation_day_unique",
                fields=["day", "breakdown", "recommender", "placement", "experiment", "variant", "currency"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.breakdown} on {self.day}"
