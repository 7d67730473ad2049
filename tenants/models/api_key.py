"""API keys, which authenticate casinos' back ends."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .casino import Casino


class Scope(models.TextChoices):
    RECOMMEND = "recommend"
    CONFIGURE = "configure"  # and users' privacy rights: erasure and export
    INGEST = "ingest"  # to send events, users and coupons, and to remove events and coupons
    TEST = "test"


class ApiKey(models.Model):
    """A casino's key. The key itself is not stored: `digest` is its SHA-256 in hex, `prefix` is its public part.

    Revoked keys stay, so that prefixes in logs can be looked up.
    """

    casino = models.ForeignKey(Casino, models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(
        max_length=64, unique=True, editable=False
    )  # its index serves the lookup of a request's key
    scopes = ArrayField(models.CharField(max_length=16))  # of Scope
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "api_keys"
        verbose_name = "API key"
        constraints = [models.CheckConstraint(name="api_key_has_scopes", condition=Q(scopes__len__gt=0))]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def state(self) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= timezone.now() else "valid"
