"""Identities of leagues and teams: a league is a name within a sport and country, a team a name within a sport, country
and category.

Leagues and teams are compared by their keys wherever they are counted or scored: in offers, tallies, trends and models.
The name is a key's last part, and all that is shown. The country is that of the competition, since events have no
other: a team of an international competition is another one than that of its national league.
"""

from collections.abc import Collection, Iterable, Iterator

from .fields import SEPARATOR

Texts = Iterable[str]

Match = tuple[str, str]  # the keys of home and away team


def league_key(sport: str, country: str, league: str) -> str:
    return f"{sport}{SEPARATOR}{country}{SEPARATOR}{league}"


def team_key(sport: str, country: str, category: str, team: str) -> str:
    return f"{sport}{SEPARATOR}{country}{SEPARATOR}{category}{SEPARATOR}{team}"


def league_keys(sports: Texts, countries: Texts, leagues: Texts) -> list[str]:
    """`league_key` of each; an offer of 100,000 events is built in two thirds of the time of a call for each."""
    texts = zip(sports, countries, leagues, strict=True)
    return [f"{sport}{SEPARATOR}{country}{SEPARATOR}{league}" for sport, country, league in texts]


def team_keys(sports: Texts, countries: Texts, categories: Texts, teams: Texts) -> list[str]:
    """`team_key` of each."""
    texts = zip(sports, countries, categories, teams, strict=True)
    return [
        f"{sport}{SEPARATOR}{country}{SEPARATOR}{category}{SEPARATOR}{team}" for sport, country, category, team in texts
    ]


def name_of(key: str) -> str:
    """The name of a league or team; text that is no key, as a sport, is its own name."""
    return key.rpartition(SEPARATOR)[2]


def title_of(key: str) -> str:
    """For staff: the name, and in brackets the other parts of its key, which distinguish equal names."""
    *rest, name = parts_of(key)
    within = ", ".join(part for part in rest if part)
    return f"{name} ({within})" if within else name


def parts_of(key: str) -> list[str]:
    """Sport, country and name of a league; sport, country, category and name of a team."""
    return key.split(SEPARATOR)


def keys_of_bet(match: Match) -> tuple[Match, ...]:
    """The keys under which a bet holds a match (see `is_held`): its own; with a category also that of any."""
    return (match, in_any_category(match)) if _category_of(match) else (match,)


def is_held(match: Match, held: Collection[Match]) -> bool:
    """Whether one of the bets with the keys `held` is on this match. Countries and categories are compared where both
    have one."""
    if not held or match in held:
        return bool(held)
    if _is_held_in_country(match, held):
        return True
    sport, country, category, home_team = parts_of(match[0])
    if country:
        return _is_held_in_country(match_of(sport, "", category, home_team, name_of(match[1])), held)
    return any(_is_held_in_country(in_country, held) for in_country in _in_countries(match, held))


def _is_held_in_country(match: Match, held: Collection[Match]) -> bool:
    other = _without_category(match) if _category_of(match) else in_any_category(match)
    return match in held or other in held


def _in_countries(match: Match, held: Iterable[Match]) -> Iterator[Match]:
    """The match in each of the countries of these bets."""
    sport, _, category, home_team = parts_of(match[0])
    for country in {parts_of(home)[1] for home, _ in held}:
        yield match_of(sport, country, category, home_team, name_of(match[1]))


def in_any_category(match: Match) -> Match:
    """The match whatever its category is: a key that no match has."""
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
