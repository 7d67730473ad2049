"""Staff logins that are restricted to some casinos."""

from django.conf import settings
from django.db import models

from .casino import Casino


class StaffBinding(models.Model):
    """Restricts a login to casinos: it sees no others. Without casinos it sees none.

    A login without a binding sees all casinos, and so does every superuser.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="casino_binding"
    )
    casinos = models.ManyToManyField(Casino, blank=True, related_name="staff_bindings")

    class Meta:
        db_table = "staff_bindings"

    def __str__(self) -> str:
        return f"casinos of {self.user}"
