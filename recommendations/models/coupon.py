"""Purchased coupons."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tenants.orm.model import CasinoModel

from .amount import AmountField
from .own_id import HasOwnId, HasOwnUserId
from .user import User


class PurchasedCoupon(HasOwnId, HasOwnUserId, CasinoModel):
    """A purchased bet slip. `recommended_events` are its selections at the time of purchase, a list of objects; those
    without an odd are void. A stake of 0 is a free bet. `unread_selections` has the selections that could not be read
    completely: objects with number, code, field and, if readable, event_id; null if all were read.
    `recommendation_id` is the recommendation that the user bet on according to the casino; it may not exist.

    If the casino sent no id, `natural_key` identifies the Kafka message (topic, partition, offset), so that a message
    that is read twice is stored once.
    """

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="coupons", db_constraint=False, db_index=False
    )
    stake = AmountField()
    timestamp = models.DateTimeField()
    recommended_events = models.JSONField()
    unread_selections = models.JSONField(null=True)
    recommendation_id = models.UUIDField(null=True)
    natural_key = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        db_table = "purchased_coupons"
        constraints = [
            models.CheckConstraint(name="coupon_id_positive", condition=Q(id__gt=0)),
            models.CheckConstraint(name="coupon_stake_not_negative", condition=Q(stake__gte=0)),
        ]
        indexes = [
            # a user's coupons, the latest first: profiles and the admin's user page
            models.Index(name="coupon_user_time", fields=["user", "-timestamp", "-id"]),
            # the admin's list of coupons, the latest first
            models.Index(name="coupon_time", fields=["-timestamp", "-id"]),
        ]

    def __str__(self) -> str:
        return f"coupon {self.own_id} of user {self.own_user_id}"


class WaitingCoupon(CasinoModel):
    """A coupon of a user who is not stored yet: messages of different topics can arrive in any order.

    It becomes a purchased coupon when its user is stored. `message` is its Kafka message.
    """

    user_id = models.BigIntegerField()
    coupon_id = models.BigIntegerField(null=True, unique=True)
    stake = AmountField()
    timestamp = models.DateTimeField()
    recommended_events = models.JSONField()
    unread_selections = models.JSONField(null=True)
    recommendation_id = models.UUIDField(null=True)
    natural_key = models.UUIDField(null=True, unique=True, editable=False)
    message = models.BinaryField(null=True)
    waiting_since = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "waiting_coupons"
        indexes = [
            # the coupons of users who were just stored
            models.Index(name="waiting_coupon_user", fields=["user_id"]),
            # those that have waited too long
            models.Index(name="waiting_coupon_since", fields=["waiting_since", "id"]),
        ]

    def __str__(self) -> str:
        return f"coupon waiting for user {self.user_id}"
