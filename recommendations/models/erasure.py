"""Erased users."""

from django.db import models

from tenants.orm.model import CasinoModel


class ErasedUser(CasinoModel):
    """An erased user: messages until `erased_at` store neither the user nor their coupons again.

    For users without an id of the casino, `natural_key` is a hash of name, surname, birth year and country.
    """

    user_id = models.BigIntegerField(primary_key=True)
    natural_key = models.UUIDField(null=True, unique=True)  # also the index of "was this user erased?"
    erased_at = models.DateTimeField()

    class Meta:
        db_table = "erased_users"

    def __str__(self) -> str:
        return f"erased user {self.user_id}"
