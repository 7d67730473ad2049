"""What coupons add up to, a user's and all of the casino's."""

from django.db import models
from django.db.models.functions import Now

from tenants.orm.model import CasinoModel

from .user import User


class UserTallies(CasinoModel):
    """A user's `Tallies`, packed; without the coupons that wait in `users_profile.pending_coupon_ids`."""

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="tallies", db_constraint=False
    )
    tallies = models.BinaryField()

    class Meta:
        db_table = "user_tallies"

    def __str__(self) -> str:
        return f"tallies of user {self.user_id}"


class CasinoTally(CasinoModel):
    """What all coupons say of one value of an attribute (`sport`, .., `odds_band`, `event`).

    `count`: of selections, for life. `weight` and `trend`: their sums at `as_of` (Unix seconds), with half-lives of 30
    days and of 24 hours. An event is its id; where there is none, sport, league, home and away team.
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
    """What one call's coupons add to `casino_tallies`, packed."""

    sums = models.BinaryField()
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "pending_casino_sums"

    def __str__(self) -> str:
        return f"pending casino sums {self.pk}"
