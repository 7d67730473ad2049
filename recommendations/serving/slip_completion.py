"""Slip completion: converts the selections in a slip to the rules for additions to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from recommendations.errors import InvalidParameter
from recommendations.offer import Offer
from recommendations.validation.identity import Match, keys_of_bet, league_key, match_of, name_of, parts_of
from recommendations.validation.own_ids import OwnId
from recommendations.validation.rows import MatchFields

from .slip import Rules, SlipEvent

_NO_NAME = frozenset({""})


@dataclass(frozen=True, slots=True)
class SlipSelection:
    """A selection in a request: the casino's id of the event, the event's fields, or both; and, if sent, the odd and
    the outcome of the bet."""

    event_id: OwnId | None = None
    fields: MatchFields | None = None
    odd: Decimal | None = None
    market: str = ""
    line: str = ""
    outcome: str = ""


def with_selections(rules: Rules, offer: Offer, selections: Sequence[SlipSelection]) -> Rules:
    """The rules for additions to a slip with these selections: no event of their matches and teams; they count in the
    caps of leagues, sports and competitions.

    Raises InvalidParameter for an id that is not in the offer, sent without the event's fields: its conflicts and caps
    are unknown.
    """
    found = [_resolve(offer, number, each) for number, each in enumerate(selections)]
    sent = [each.fields for each in selections if each.fields is not None]
    return msgspec.structs.replace(
        rules,
        in_slip=[replace(event, market=each.market) for (event, _), each in zip(found, selections, strict=True)],
        held_events={*rules.held_events, *(stored for _, ids in found for stored in ids)},
        held_matches={*rules.held_matches, *(key for fields in sent for key in keys_of_bet(match_sent(fields)))},
    )


def place_in(offer: Offer, selection: SlipSelection) -> int | None:
    """The place of the selection's event in the offer, by its id; None without one."""
    return next((place for each in _stored_ids(offer, selection) if (place := offer.place_of(each)) is not None), None)


def match_sent(sent: MatchFields) -> Match:
    return match_of(sent.sport, sent.country, sent.category, sent.home_team, sent.away_team)


def _resolve(offer: Offer, number: int, selection: SlipSelection) -> tuple[SlipEvent, frozenset[int]]:
    """The event, and the stored ids of its match. The offer's data take precedence over the request's."""
    ids = frozenset(own for each in _stored_ids(offer, selection) for own in offer.all_ids(each))
    place = place_in(offer, selection)
    if place is not None:
        return offered(offer, place), ids
    if selection.fields is None:
        raise InvalidParameter(
            f"selections[{number}] has the event_id {selection.event_id}, which is not open for bets: remove it, or "
            "add its country, league, home_team, away_team and sport"
        )
    return _event_of_request(offer, selection.fields), ids


def _stored_ids(offer: Offer, selection: SlipSelection) -> Iterator[int]:
    return iter(() if selection.event_id is None else offer.texts.stored_ids([selection.event_id]))


def offered(offer: Offer, place: int) -> SlipEvent:
    """The event at this place, as an event in the slip."""
    league, match = offer.league[place], (offer.home_team[place], offer.away_team[place])
    participants = offer.participants.get(offer.ids.item(place), ())
    return _event(offer.sport[place], frozenset({league}), league, match, participants)


def _event_of_request(offer: Offer, sent: MatchFields) -> SlipEvent:
    league = league_key(sent.sport, sent.country, sent.league)
    return _event(sent.sport, _leagues(offer, league), league, match_sent(sent), ())


def _event(sport: str, leagues: frozenset[str], league: str, match: Match, participants: Sequence[str]) -> SlipEvent:
    teams = frozenset(map(name_of, match)) - _NO_NAME
    is_one_sided = len(teams) == 1
    competition = (league if name_of(league) else match[0]) if is_one_sided else None
    return SlipEvent(sport, leagues, teams.union(participants), competition)


def _leagues(offer: Offer, league: str) -> frozenset[str]:
    """The possible leagues of the sent one: without a country, the leagues with this name in all countries."""
    sport, country, name = parts_of(league)
    if country or not name:
        return frozenset({league})
    named = (offer.league.values[place] for place in offer.league.dictionary.places_named(name))
    return frozenset({league, *(each for each in named if parts_of(each)[0] == sport)})
