"""Issues API keys, and finds a request's key by one query, or without a query while the key is cached."""

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from tenants.current_casino import CurrentCasino
from tenants.errors import InvalidKey
from tenants.models import ApiKey, Casino
from tenants.models.casino import is_served
from tenants.process_state import register
from tenants.ttl_cache import TtlCache, wait_until_caches_expire

from .key_usage import key_usage

SCHEME = "api-key"
_PREFIX_BYTES, _SECRET_BYTES = 6, 32
_SHOWN = len("recsys_") + 2 * _PREFIX_BYTES
_FORM = re.compile(r"recsys_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
_CASINO_FIELDS = [field.attname for field in Casino._meta.concrete_fields]
_COLUMNS = ("id", "prefix", "scopes", "expires_at", *(f"casino__{name}" for name in _CASINO_FIELDS))

# Has valid keys only. Unknown and revoked keys are looked up each time: a flood of wrong keys evicts no valid key, and
# a new key works at once.
api_key_cache: TtlCache[str, "KnownKey"] = TtlCache()
register("cached API keys", reset=api_key_cache.reset)


@dataclass(slots=True)
class KnownKey:
    """A valid key and its casino, read by one query. All requests share the object: copy it to change it. `usable` is
    the casino's database, set once a request has found that it can be used."""

    id: int
    prefix: str
    scopes: frozenset[str]
    expires_at: datetime | None
    casino: Casino = field(repr=False)
    usable: CurrentCasino | None = field(default=None, repr=False)

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its row. `text`, the key itself, is not stored and must not appear in a log or `repr`."""

    row: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"IssuedKey({self.row})"


@sensitive_variables()
def issue_key(
    casino: Casino, *, name: str, scopes: Collection[str], by: str, expires_at: datetime | None = None
) -> IssuedKey:
    """Make a key for a casino; `by` names its creator."""
    prefix, secret = secrets.token_hex(_PREFIX_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    text = f"recsys_{prefix}_{secret}"
    row = ApiKey.objects.create(
        casino=casino,
        name=name,
        prefix=prefix,
        digest=_digest(text),
        scopes=sorted(scopes),
        created_by=by,
        expires_at=expires_at,
    )
    return IssuedKey(row, text)


def rotate_key(key: ApiKey, *, by: str, overlap: timedelta = timedelta()) -> IssuedKey:
    """Create a key with the same name, scopes and expiry; the old key is valid for `overlap` longer. Raises InvalidKey
    if the old key is not valid."""
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().select_related("casino").get(pk=key.pk)
        if key.state != "valid":
            raise InvalidKey(f"The key {key} is {key.state}: create a new one.")
        issued = issue_key(key.casino, name=key.name, scopes=key.scopes, by=by, expires_at=key.expires_at)
        ends_at = timezone.now() + overlap
        if not overlap:
            key.revoked_at = ends_at
        elif key.expires_at is None or ends_at < key.expires_at:
            key.expires_at = ends_at
        key.save(update_fields=["revoked_at", "expires_at"])
        wait_until_caches_expire()
    return issued


def revoke_key(key: ApiKey) -> None:
    """Revoke the key. On return, no process accepts it."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db()
    wait_until_caches_expire()


@sensitive_variables()
def mask_key(meta: MutableMapping[str, Any]) -> tuple[bool, str | None]:
    """Whether these headers have an API key, and its digest (None for text that can't be a key). Replaces the key by
    its prefix, so that no log or error page shows it."""
    scheme, _, text = meta.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != SCHEME:
        _mask_misplaced_keys(meta)
        return False, None
    text = text.strip()
    is_key = _FORM.fullmatch(text) is not None  # text of another form is not looked up
    meta["HTTP_AUTHORIZATION"] = f"Api-Key {text[:_SHOWN] if is_key else ''}..."
    return True, _digest(text) if is_key else None


MISPLACED = {"HTTP_AUTHORIZATION": "Authorization", "HTTP_X_API_KEY": "X-Api-Key", "HTTP_API_KEY": "Api-Key"}
_MASKED = "(an API key)"


@sensitive_variables()
def _mask_misplaced_keys(meta: MutableMapping[str, Any]) -> None:
    """Replace keys in headers that are not read for keys, as in `Authorization: Bearer <key>`."""
    for header in MISPLACED:
        if header in meta:
            meta[header] = _FORM.sub(_MASKED, meta[header])


def misplaced_key(meta: Mapping[str, Any]) -> str | None:
    """The unsupported way in which the request sends an API key, such as `Authorization: Bearer`; None if there is
    none."""
    for header, name in MISPLACED.items():
        if _MASKED in meta.get(header, ""):
            return f"{name}: {meta[header].partition(_MASKED)[0]}".strip(" :")
    return None


def find_key(digest: str) -> KnownKey | None:
    """The valid key with this digest.

    A lookup by digest is as safe as a comparison in constant time. Its duration may reveal how long a prefix of the
    digest matches a stored digest, but finding a key whose digest has a given prefix takes as many guesses as a search
    through all prefixes of that length.
    """
    known = api_key_cache.get_or_load(digest, lambda: _load_key(digest), cache_if=_is_of_served_casino)
    return None if known is None or known.is_expired else known


def find_cached_key(digest: str) -> KnownKey | None:
    """The valid key with this digest if it is cached."""
    known = api_key_cache.get_or_load(digest, lambda: None, cache_if=_is_of_served_casino)
    return None if known is None or known.is_expired else known


@sensitive_variables()
def _digest(text: str) -> str:
    """SHA-256 without salt or rounds: these protect passwords that people choose. A key has 256 random bits, too many
    to guess, and each request computes its digest."""
    return hashlib.sha256(text.encode()).hexdigest()


def _load_key(digest: str) -> KnownKey | None:
    """The unrevoked key with this digest. Records its use; a lookup from the cache need not, since it follows within
    the TTL."""
    row = ApiKey.objects.filter(digest=digest, revoked_at=None).values_list(*_COLUMNS).first()
    if row is None:
        return None
    key_id, prefix, scopes, expires_at, *casino_row = row
    casino = Casino.from_db("default", _CASINO_FIELDS, casino_row)
    known = KnownKey(key_id, prefix, frozenset(scopes), expires_at, casino)
    if not known.is_expired:
        key_usage.record(key_id)
    return known


def _is_of_served_casino(known: KnownKey) -> bool:
    return is_served(known.casino)
