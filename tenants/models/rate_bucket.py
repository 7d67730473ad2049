"""Token buckets of the casinos' rate limits."""

from django.db import models
from django.db.models.functions import Now

from .casino import Casino


class RateBucket(models.Model):
    """A casino's tokens at `filled_at`. The table is unlogged: after a crash all buckets are full.

    `granted`: the tokens that the last process took. `tenants.access.limits` writes the rows.
    """

    casino = models.OneToOneField(Casino, models.CASCADE, primary_key=True, related_name="+")
    tokens = models.FloatField()
    granted = models.FloatField()
    filled_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "rate_buckets"

    def __str__(self) -> str:
        return f"tokens of casino {self.casino_id}"
