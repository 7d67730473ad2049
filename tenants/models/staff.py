"""Staff who may act for some casinos only."""

from django.conf import settings
from django.db import models

from .casino import Casino


class StaffBinding(models.Model):
    """Binds a login to casinos: it acts for these and learns of no others. Bound to none, it acts for none.

    A login without a binding acts for all casinos, and so does every superuser.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="casino_binding"
    )
    casinos = models.ManyToManyField(Casino, blank=True, related_name="staff_bindings")

    class Meta:
        db_table = "staff_bindings"

    def __str__(self) -> str:
        return f"casinos of {self.user}"
