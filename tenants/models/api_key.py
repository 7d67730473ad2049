"""API keys: by what a casino's back end shows that it may ask."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .casino import Casino


class Scope(models.TextChoices):
    """What a key may be used for."""

    RECOMMEND = "recommend"
    CONFIGURE = "configure"  # and users' rights: to be erased, and to be told what is kept of them
    TEST = "test"


class ApiKey(models.Model):
    """A casino's key. The key itself is not here: `digest` is its SHA-256 in hex, `prefix` the part that may be seen.

    A key that is no longer wanted is revoked and stays, so that the audit log's prefixes can be told.
    """

    casino = models.ForeignKey(Casino, models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)  # also the index of "whose key is this?"
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
