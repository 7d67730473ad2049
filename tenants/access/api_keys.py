"""Issues API keys and finds the key of a request: by one query, or by none while it is cached."""

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

# Valid keys only: unknown and revoked ones are looked up each time, so that a flood of wrong keys evicts no valid one,
# and a new key works at once.
api_key_cache: TtlCache[str, "KnownKey"] = TtlCache()
register("cached API keys", reset=api_key_cache.reset)


@dataclass(slots=True)
class KnownKey:
    """A key of the catalogue, with its casino as of the same query: all requests share it, so that who changes it
    changes a copy. `usable` is the casino's database, once a request has found that it can be used."""

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
    """A new key and its row. `text` is stored nowhere, and no log or `repr` may have it."""

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
    """Make another key like this one, which expires after `overlap`. Raises InvalidKey if it is no longer valid."""
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
    """Whether these headers have an API key, and its digest (None for text that can't be a key). The key is replaced by
    its prefix, so that no log or error page can show it."""
    scheme, _, text = meta.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != SCHEME:
        _mask_misplaced_keys(meta)
        return False, None
    text = text.strip()
    is_key = _FORM.fullmatch(text) is not None  # no secret; other text costs no query
    meta["HTTP_AUTHORIZATION"] = f"Api-Key {text[:_SHOWN] if is_key else ''}..."
    return True, _digest(text) if is_key else None


MISPLACED = {"HTTP_AUTHORIZATION": "Authorization", "HTTP_X_API_KEY": "X-Api-Key", "HTTP_API_KEY": "Api-Key"}
_MASKED = "(an API key)"


@sensitive_variables()
def _mask_misplaced_keys(meta: MutableMapping[str, Any]) -> None:
    """Replace keys in headers from which none is read, as in `Authorization: Bearer <key>`."""
    for header in MISPLACED:
        if header in meta:
            meta[header] = _FORM.sub(_MASKED, meta[header])


def misplaced_key(meta: Mapping[str, Any]) -> str | None:
    """The unsupported way in which the request sends an API key, such as `Authorization: Bearer`; None without one."""
    for header, name in MISPLACED.items():
        if _MASKED in meta.get(header, ""):
            return f"{name}: {meta[header].partition(_MASKED)[0]}".strip(" :")
    return None


def find_key(digest: str) -> KnownKey | None:
    """The valid key with this digest.

    Looking it up by its digest is as safe as a comparison in constant time: the time may depend on how much of the
    *digest* agrees with one in the table or the index, and nobody can choose a digest's beginning without trying as
    many keys as it takes to guess one.
    """
    known = api_key_cache.get_or_load(digest, lambda: _load_key(digest), cache_if=_is_of_served_casino)
    return None if known is None or known.is_expired else known


def find_cached_key(digest: str) -> KnownKey | None:
    """The valid key with this digest if it is cached."""
    known = api_key_cache.get_or_load(digest, lambda: None, cache_if=_is_of_served_casino)
    return None if known is None or known.is_expired else known


@sensitive_variables()
def _digest(text: str) -> str:
    """SHA-256, without salt or rounds: those protect passwords that people choose. A key has 256 random bits, which
    nobody can try out, and is checked at every request."""
    return hashlib.sha256(text.encode()).hexdigest()


def _load_key(digest: str) -> KnownKey | None:
    """The key that is not revoked; records its use, which cached lookups need not: they follow within the TTL."""
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
