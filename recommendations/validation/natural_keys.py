"""The keys of rows without an id of the casino, computed from their content.

They are hashes: a stored key can't be brought into another form without the row's content. So the content of an ASCII
event, and of a coupon, must give the same key in each release.
"""

from unicodedata import normalize
from uuid import UUID, uuid5

from .fields import SEPARATOR
from .normal_form import key_form, name_form, upper_form

_NAMESPACE = UUID("6f3f0e4e-6a55-4c0e-9a0e-0b1d6f3c2a11")


def user_key(name: str, surname: str, birth_year: int, country: str) -> UUID:
    return _key("user", key_form(name), key_form(surname), str(birth_year), key_form(country))


def former_user_keys(name: str, surname: str, birth_year: int, country: str) -> tuple[UUID, ...]:
    """The keys that releases before the normal form of text computed of a user. Those of erased users are stored
    without their names, so they stay as they were; each name's NFC, NFD and the given form are tried."""
    given = tuple(" ".join(text.split()) for text in (name, surname, country.upper()))
    composed = (name_form(name), name_form(surname), upper_form(country))
    decomposed = tuple(normalize("NFD", text) for text in composed)
    forms = dict.fromkeys((given, composed, decomposed))  # of ASCII names, one
    return tuple(_key("user", first, last, str(birth_year), place) for first, last, place in forms)


def event_key(sport: str, league: str, home_team: str, away_team: str, begin: str) -> UUID:
    return _key("event", key_form(sport), key_form(league), key_form(home_team), key_form(away_team), begin)


def coupon_key(source: str) -> UUID:
    return _key("coupon", source)


def _key(*parts: str) -> UUID:
    return uuid5(_NAMESPACE, SEPARATOR.join(parts))
