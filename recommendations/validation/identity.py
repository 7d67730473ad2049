"""Identities of leagues, teams and matches, and of rows without an id of the casino.

A league is a name within a sport and country; a team is a name within a sport, country and category. Offers, tallies,
trends and models compare leagues and teams by their keys. The name is the last part of a key, and the only one that is
displayed. The country is that of the competition, since events have no other: in an international competition a team is
another team than in its national league.

A row's natural key is a hash of its content, so stored keys can't be converted to another form. Therefore the content
of an ASCII event, and of a coupon, must give the same key in each release.
"""

from collections.abc import Collection, Iterable, Iterator
from hashlib import sha1
from unicodedata import normalize
from uuid import UUID

from .fields import SEPARATOR
from .normal_form import key_form, name_form, upper_form

Texts = Iterable[str]

Match = tuple[str, str]  # the keys of home and away team

_NAMESPACE = UUID("6f3f0e4e-6a55-4c0e-9a0e-0b1d6f3c2a11").bytes
_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}  # the two variant bits of RFC 4122


def league_key(sport: str, country: str, league: str) -> str:
    return f"{sport}{SEPARATOR}{country}{SEPARATOR}{league}"


def team_key(sport: str, country: str, category: str, team: str) -> str:
    return f"{sport}{SEPARATOR}{country}{SEPARATOR}{category}{SEPARATOR}{team}"


def league_keys(sports: Texts, countries: Texts, leagues: Texts) -> list[str]:
    """Each `league_key`. For an offer of 100,000 events it takes two thirds of the time of a call for each."""
    texts = zip(sports, countries, leagues, strict=True)
    return [f"{sport}{SEPARATOR}{country}{SEPARATOR}{league}" for sport, country, league in texts]


def team_keys(sports: Texts, countries: Texts, categories: Texts, teams: Texts) -> list[str]:
    """Each `team_key`."""
    texts = zip(sports, countries, categories, teams, strict=True)
    return [
        f"{sport}{SEPARATOR}{country}{SEPARATOR}{category}{SEPARATOR}{team}" for sport, country, category, team in texts
    ]


def name_of(key: str) -> str:
    """The name of a league or team; another text, such as a sport, is its own name."""
    return key.rpartition(SEPARATOR)[2]


def title_of(key: str) -> str:
    """The name for staff, with the other parts of its key in brackets to distinguish equal names."""
    *rest, name = parts_of(key)
    within = ", ".join(part for part in rest if part)
    return f"{name} ({within})" if within else name


def parts_of(key: str) -> list[str]:
    """Sport, country and name of a league; sport, country, category and name of a team."""
    return key.split(SEPARATOR)


def keys_of_bet(match: Match) -> tuple[Match, ...]:
    """The keys under which a bet holds a match (see `is_held`): its own and, if it has a category, that of any
    category."""
    return (match, in_any_category(match)) if _category_of(match) else (match,)


def is_held(match: Match, held: Collection[Match]) -> bool:
    """Whether a bet with one of the keys `held` is on this match. Countries and categories are compared only if both
    have one."""
    if not held or match in held:
        return bool(held)
    if _is_held_in_country(match, held):
        return True
    sport, country, category, home_team = parts_of(match[0])
    if country:
        return _is_held_in_country(match_of(sport, "", category, home_team, name_of(match[1])), held)
    return any(_is_held_in_country(in_country, held) for in_country in _match_in_each_country(match, held))


def _is_held_in_country(match: Match, held: Collection[Match]) -> bool:
    other = _without_category(match) if _category_of(match) else in_any_category(match)
    return match in held or other in held


def _match_in_each_country(match: Match, held: Iterable[Match]) -> Iterator[Match]:
    """Yield the match in each country of these bets."""
    sport, _, category, home_team = parts_of(match[0])
    for country in {parts_of(home)[1] for home, _ in held}:
        yield match_of(sport, country, category, home_team, name_of(match[1]))


def in_any_category(match: Match) -> Match:
    """The match in any category: a key that no match itself has."""
    sport, country, _, home_team = parts_of(match[0])
    within = league_key(sport, country, "")
    return within + home_team, within + name_of(match[1])


def _category_of(match: Match) -> str:
    return parts_of(match[0])[2]


def _without_category(match: Match) -> Match:
    sport, country, _, home_team = parts_of(match[0])
    return match_of(sport, country, "", home_team, name_of(match[1]))


def match_of(sport: str, country: str, category: str, home_team: str, away_team: str) -> Match:
    within = team_key(sport, country, category, "")
    return within + home_team, within + away_team


def user_key(name: str, surname: str, birth_year: int, country: str) -> UUID:
    return _key("user", key_form(name), key_form(surname), str(birth_year), key_form(country))


def former_user_keys(name: str, surname: str, birth_year: int, country: str) -> tuple[str, ...]:
    """A user's natural keys, as hexadecimal digits, of releases before the normal form of text. Erased users are stored
    under them without names, so these keys can't be converted. Each name is tried in its given form, NFC and NFD."""
    forms = [tuple(" ".join(text.split()) for text in (name, surname, country.upper()))]
    if not (name.isascii() and surname.isascii() and country.isascii()):
        composed = (name_form(name), name_form(surname), upper_form(country))
        forms += [composed, tuple(normalize("NFD", text) for text in composed)]
    return tuple(
        _digits(_hash("user", first, last, str(birth_year), place)) for first, last, place in dict.fromkeys(forms)
    )


def event_key(sport: str, league: str, home_team: str, away_team: str, begin: str, *more: str) -> UUID:
    """The natural key of an event; `more` distinguishes events that would have the same key."""
    teams = key_form(home_team), key_form(away_team)
    return _key("event", key_form(sport), key_form(league), *teams, begin, *map(key_form, more))


def coupon_key(source: str) -> UUID:
    return _key("coupon", source)


def _key(*parts: str) -> UUID:
    return UUID(bytes=_hash(*parts), version=5)


def _hash(*parts: str) -> bytes:
    """The bytes from which uuid5 makes a UUID."""
    return sha1(_NAMESPACE + SEPARATOR.join(parts).encode(), usedforsecurity=False).digest()[:16]


def _digits(hashed: bytes) -> str:
    """The digits of the UUID of version 5, in a third of the time that UUID takes."""
    digits = hashed.hex()
    return f"{digits[:12]}5{digits[13:16]}{_VARIANTS[digits[16]]}{digits[17:]}"
