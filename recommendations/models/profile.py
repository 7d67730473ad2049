"""Users' profiles."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tenants.orm.model import CasinoModel

from .amount import AmountField
from .own_id import HasOwnUserId
from .user import User


class UserProfile(HasOwnUserId, CasinoModel):
    """A user's favourite (sport, league) pairs, the number of purchases since they were computed, and totals.

    `favorite_sport_league_json` is a list of [sport, league, country], without the country if an earlier release
    computed it; null until first computed. `coupon_count` and `stake_total` count all purchased coupons;
    `pending_coupon_ids` are the coupons not yet merged into the user's tallies. With `needs_rebuild`, the user's
    coupons have never been tallied.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="profile", db_constraint=False)
    favorite_sport_league_json = models.JSONField(null=True)
    purchases_at_last_update = models.PositiveIntegerField(default=0, db_default=0)
    last_updated = models.DateTimeField(null=True)
    coupon_count = models.PositiveIntegerField(default=0, db_default=0)
    stake_total = AmountField(default=0, db_default=0)
    pending_coupon_ids = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    needs_rebuild = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "users_profile"
        constraints = [models.CheckConstraint(name="profile_stake_total_in_range", condition=Q(stake_total__lt=10**16))]

    def __str__(self) -> str:
        return f"profile of user {self.own_user_id}"
