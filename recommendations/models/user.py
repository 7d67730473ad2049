"""Users, the casino's customers."""

from datetime import UTC, datetime

from django.db import models
from django.db.models import Q

from tenants.orm.model import CasinoModel

from .amount import AmountField
from .own_id import HasOwnId

NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # before any message


class UserStatus(models.TextChoices):
    ACTIVE = "ACTIVE"
    SELF_EXCLUDED = "SELF_EXCLUDED"
    TIME_OUT = "TIME_OUT"
    CLOSED = "CLOSED"


class User(HasOwnId, CasinoModel):
    """A customer. `id` is the casino's own if it sent one; otherwise `natural_key` identifies the person. Text that no
    message contained is empty, and the birth year null. `timestamp` is the time of the latest message with any of
    these; 2000-01-01 if messages contained only a status, a birth date or a limit.

    The settings define the valid currencies, genders and sports. A status other than ACTIVE ends at `status_until`, or
    never. `stake_limit` is the maximum stake of a coupon, `limit_left` the rest of the user's overall limit; both in
    the user's currency, null for no limit. `currency_since` is the time of the currency's last change, and
    `restricted_until` the end of the last past status other than ACTIVE; null if there is none. Triggers set both.

    `personalisation`: whether recommendations may use the user's data, above all the tallies.

    `is_withheld`: a message as of `is_withheld_as_of` could not be read, and no later message was read; the user gets
    no bets.

    `status_as_of`, `birth_date_as_of`, `stake_limit_as_of` and `limit_left_as_of` are the times of the latest messages
    with these values; null, in rows of earlier releases, means `timestamp`. `personalisation_as_of` is 2000-01-01 until
    a message has a consent, whose time may be earlier than the row's.
    """

    name = models.CharField(max_length=100, blank=True, default="", db_default="")
    surname = models.CharField(max_length=100, blank=True, default="", db_default="")
    birth_year = models.SmallIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=10, blank=True, default="", db_default="")
    country = models.CharField(max_length=100, blank=True, default="", db_default="")
    gender = models.CharField(max_length=20, blank=True, default="", db_default="")
    timestamp = models.DateTimeField()
    favorite_sport = models.CharField(max_length=50, blank=True, db_default="")
    favorite_league = models.CharField(max_length=100, blank=True, db_default="")
    status = models.CharField(
        max_length=20, choices=UserStatus.choices, default=UserStatus.ACTIVE, db_default=UserStatus.ACTIVE
    )
    status_until = models.DateTimeField(null=True, blank=True)
    birth_date = models.DateField(null=True, blank=True)
    stake_limit = AmountField(null=True, blank=True)
    limit_left = AmountField(null=True, blank=True)
    is_withheld = models.BooleanField(default=False, db_default=False)
    personalisation = models.BooleanField(default=True, db_default=True)
    currency_since = models.DateTimeField(null=True, blank=True, editable=False)
    restricted_until = models.DateTimeField(null=True, blank=True, editable=False)
    status_as_of = models.DateTimeField(null=True, editable=False)
    is_withheld_as_of = models.DateTimeField(null=True, editable=False)
    birth_date_as_of = models.DateTimeField(null=True, editable=False)
    stake_limit_as_of = models.DateTimeField(null=True, editable=False)
    limit_left_as_of = models.DateTimeField(null=True, editable=False)
    personalisation_as_of = models.DateTimeField(db_default=NEVER, editable=False)
    natural_key = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        db_table = "users"
        constraints = [
            models.CheckConstraint(name="user_id_positive", condition=Q(id__gt=0)),
            models.CheckConstraint(name="user_birth_year_plausible", condition=Q(birth_year__range=(1900, 2100))),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.surname}".strip() or f"user {self.pk}"
