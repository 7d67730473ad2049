"""How many requests each casino may make just now."""

from django.db import models
from django.db.models.functions import Now

from .casino import Casino


class RateBucket(models.Model):
    """A casino's tokens as they were at `filled_at`. The table is unlogged: after a crash all buckets are full.

    `granted` is what the last process took. `tenants.access.rate_limit` writes it.
    """

    casino = models.OneToOneField(Casino, models.CASCADE, primary_key=True, related_name="+")
    tokens = models.FloatField()
    granted = models.FloatField()
    filled_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "rate_buckets"

    def __str__(self) -> str:
        return f"tokens of casino {self.casino_id}"
