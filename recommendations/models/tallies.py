"""Tallies of users and of the casino."""

from django.db import models
from django.db.models.functions import Now

from tenants.orm.model import CasinoModel

from .user import User


class UserTallies(CasinoModel):
    """A user's encoded `Tallies`, without the coupons in `users_profile.pending_coupon_ids`."""

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="tallies", db_constraint=False
    )
    tallies = models.BinaryField()

    class Meta:
        db_table = "user_tallies"

    def __str__(self) -> str:
        return f"tallies of user {self.user_id}"


class CasinoTally(CasinoModel):
    """The tally of one value of an attribute (`sport`, .., `odds_band`, `event`, and those of `outcome_keys`) over all
    coupons. The tally of an `offered_` attribute is over samples of the offered outcomes.

    `count`: all selections. `weight` and `trend`: decayed sums as of `as_of` (Unix seconds), with half-lives of 30 days
    and of 24 hours. The value of an event is its id or, without one, its sport, league, home and away team.
    """

    pk = models.CompositePrimaryKey("attribute", "value")
    attribute = models.TextField()
    value = models.TextField()
    count = models.BigIntegerField()
    weight = models.FloatField()
    trend = models.FloatField()
    as_of = models.FloatField()

    class Meta:
        db_table = "casino_tallies"

    def __str__(self) -> str:
        return f"{self.attribute} {self.value}"


class PendingCasinoSums(CasinoModel):
    """The encoded contribution of one call's coupons to `casino_tallies`, not yet merged."""

    sums = models.BinaryField()
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "pending_casino_sums"

    def __str__(self) -> str:
        return f"pending casino sums {self.pk}"
