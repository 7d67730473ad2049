"""Issues API keys, and tells whose a key is: by a query when cold, by none while a lease holds."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from tenants.errors import InvalidKey
from tenants.models import ApiKey, Casino
from tenants.models.casino import is_served
from tenants.ttl_cache import TtlCache, wait_until_caches_expire

from .key_usage import last_uses

SCHEME = "api-key"
_PREFIX_BYTES, _SECRET_BYTES = 6, 32
_SHOWN = len("recsys_") + 2 * _PREFIX_BYTES
_FORM = re.compile(r"recsys_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
_CASINO_FIELDS = [field.attname for field in Casino._meta.concrete_fields]
_COLUMNS = ("id", "prefix", "scopes", "expires_at", *(f"casino__{name}" for name in _CASINO_FIELDS))

# Of keys that are valid: what is unknown, or revoked, is asked for each time, so that a flood of wrong keys pushes out
# no right one, and a new key is good at once.
api_key_cache: TtlCache[str, "KnownKey"] = TtlCache()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that was found in the catalogue, with its casino's row of the same moment."""

    id: int
    prefix: str
    scopes: frozenset[str]
    expires_at: datetime | None
    casino_row: tuple[Any, ...]

    @property
    def casino(self) -> Casino:
        """The key's casino, as an object of the caller's own."""
        return Casino.from_db("default", _CASINO_FIELDS, self.casino_row)

    @property
    def casino_id(self) -> int:
        casino_id: int = self.casino_row[_CASINO_FIELDS.index("id")]
        return casino_id

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, and its row. Nobody can tell `text` again, and no log or `repr` may."""

    row: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"IssuedKey({self.row})"


@sensitive_variables()
def issue_key(
    casino: Casino, *, name: str, scopes: Collection[str], by: str, expires_at: datetime | None = None
) -> IssuedKey:
    """Make a key for a casino; `by` says who made it."""
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
    """Make another key like this one, which is good for so much longer, or no more. Raises InvalidKey if it is not
    valid any more."""
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().select_related("casino").get(pk=key.pk)
        if key.state != "valid":
            raise InvalidKey(f"The key {key} is {key.state}: make a new one.")
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
    """When this is done, no process takes the key any more."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db()
    wait_until_caches_expire()


@sensitive_variables()
def take_key(request: HttpRequest) -> None:
    """Take the API key, if there is one, off the request's head, and keep its digest. What is left tells it by its
    prefix at most."""
    scheme, text = _split(request.META.get("HTTP_AUTHORIZATION", ""))
    if scheme != SCHEME:
        return
    has_form = _FORM.fullmatch(text) is not None  # no secret; what has it not costs no query
    request.key_digest = _digest(text) if has_form else None  # type: ignore[attr-defined]
    request.META["HTTP_AUTHORIZATION"] = f"Api-Key {text[:_SHOWN] if has_form else ''}..."


def shows_key(request: HttpRequest) -> bool:
    return hasattr(request, "key_digest")


def key_of_request(request: HttpRequest) -> KnownKey | None:
    """The valid key that was taken off the request; None for any other, whatever is wrong with it."""
    if hasattr(request, "known_key"):  # asked before
        return request.known_key  # type: ignore[no-any-return]
    digest = getattr(request, "key_digest", None)
    known = None if digest is None else find_key(digest)
    if known is not None:
        last_uses.note(known.id)
    request.known_key = known  # type: ignore[attr-defined]
    return known


def find_key(digest: str) -> KnownKey | None:
    """The valid key of this digest.

    To look it up by its digest is as good as a comparison in constant time: how long that takes may depend on how much
    of the *digest* agrees with one in the table or the index, and nobody can choose a digest's beginning without
    trying as many keys as it takes to guess one.
    """
    known = api_key_cache.ask(digest, lambda: _ask_for_key(digest), keep_if=_is_of_served_casino)
    return None if known is None or known.is_expired else known


@sensitive_variables()
def casino_of_known_key(authorization: str) -> int | None:
    """The id of the casino whose valid key this head has, where that is known without asking the catalogue."""
    scheme, text = _split(authorization)
    if scheme != SCHEME or not _FORM.fullmatch(text):
        return None
    known = api_key_cache.peek(_digest(text))
    return None if known is None or known.is_expired else known.casino_id


@sensitive_variables()
def _split(authorization: str) -> tuple[str, str]:
    scheme, _, text = authorization.partition(" ")
    return scheme.lower(), text.strip()


@sensitive_variables()
def _digest(text: str) -> str:
    """SHA-256, without salt or rounds: those protect what people think of. A key has 256 random bits, which nobody
    tries out, and is checked at every request."""
    return hashlib.sha256(text.encode()).hexdigest()


def _ask_for_key(digest: str) -> KnownKey | None:
    row = ApiKey.objects.filter(digest=digest, revoked_at=None).values_list(*_COLUMNS).first()
    if row is None:
        return None
    key_id, prefix, scopes, expires_at, *casino_row = row
    return KnownKey(key_id, prefix, frozenset(scopes), expires_at, tuple(casino_row))


def _is_of_served_casino(known: KnownKey) -> bool:
    return is_served(known.casino)
