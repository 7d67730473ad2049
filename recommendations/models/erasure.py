"""Whom the casino has erased."""

from django.db import models

from tenants.orm.model import CasinoModel


class ErasedUser(CasinoModel):
    """The user was erased: messages up to `erased_at` don't bring them back, nor coupons for them.

    `natural_key` is known of users to whom the casino gave no id. It is a hash of name, surname,
    birth year and country.
    """

    user_id = models.BigIntegerField(primary_key=True)
    natural_key = models.UUIDField(null=True, unique=True)  # also the index of "was this user erased?"
    erased_at = models.DateTimeField()

    class Meta:
        db_table = "erased_users"

    def __str__(self) -> str:
        return f"erased user {self.user_id}"
