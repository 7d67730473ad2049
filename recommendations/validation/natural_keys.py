"""The keys of rows without an id of the casino, computed from their content.

They are hashes: a stored key can't be brought into another form without the row's content. So the content of an ASCII
event, and of a coupon, must give the same key in each release.
"""

from hashlib import sha1
from unicodedata import normalize
from uuid import UUID

from .fields import SEPARATOR
from .normal_form import key_form, name_form, upper_form

_NAMESPACE = UUID("6f3f0e4e-6a55-4c0e-9a0e-0b1d6f3c2a11").bytes
_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}  # the two bits of RFC 4122


def user_key(name: str, surname: str, birth_year: int, country: str) -> UUID:
    return _key("user", key_form(name), key_form(surname), str(birth_year), key_form(country))


def former_user_keys(name: str, surname: str, birth_year: int, country: str) -> tuple[str, ...]:
    """The keys, in hexadecimal digits, that releases before the normal form of text computed of a user. Those of erased
    users are stored without their names, so they stay as they were; each name's given form, NFC and NFD are tried."""
    forms = [tuple(" ".join(text.split()) for text in (name, surname, country.upper()))]
    if not (name.isascii() and surname.isascii() and country.isascii()):
        composed = (name_form(name), name_form(surname), upper_form(country))
        forms += [composed, tuple(normalize("NFD", text) for text in composed)]
    return tuple(
        _digits(_hash("user", first, last, str(birth_year), place)) for first, last, place in dict.fromkeys(forms)
    )


def event_key(sport: str, league: str, home_team: str, away_team: str, begin: str, *more: str) -> UUID:
    """`more` distinguishes events that would have the same key."""
    teams = key_form(home_team), key_form(away_team)
    return _key("event", key_form(sport), key_form(league), *teams, begin, *map(key_form, more))


def coupon_key(source: str) -> UUID:
    return _key("coupon", source)


def _key(*parts: str) -> UUID:
    return UUID(bytes=_hash(*parts), version=5)


def _hash(*parts: str) -> bytes:
    """The bytes of which uuid5 makes a UUID."""
    return sha1(_NAMESPACE + SEPARATOR.join(parts).encode(), usedforsecurity=False).digest()[:16]


def _digits(hashed: bytes) -> str:
    """The digits of the UUID of version 5, in a third of the time."""
    digits = hashed.hex()
    return f"{digits[:12]}5{digits[13:16]}{_VARIANTS[digits[16]]}{digits[17:]}"
