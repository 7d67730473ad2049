"""The profile of an anonymous visitor, from the events that a request names, and reasons from these events."""

from collections.abc import Iterable
from math import isfinite, nan
from typing import Any

import numpy as np

from recommendations.offer import ATTRIBUTES, Offer
from recommendations.recommenders.base import BettingProfile, ProfilePart
from recommendations.recommenders.profile import values_shared
from recommendations.tallies.selections import TallyCoupon, TallySelection
from recommendations.tallies.user_tallies import Tallies
from recommendations.validation.identity import Match, name_of

from .engine import CasinoContext, RecommendationRequest
from .load import compute_favorite_pairs, parts_of_tallies
from .slip_completion import SlipSelection, match_sent, place_in


def tallies_of(offer: Offer, events: Iterable[SlipSelection], hour: float) -> Tallies:
    """The tallies of these events, each once, as of `hour` (Unix seconds). An id that is not in the offer, sent without
    the event's fields, adds nothing."""
    found: dict[int | Match, TallySelection] = {}
    for each in events:
        place = place_in(offer, each)
        if place is not None:
            found[place] = _tallied(each, offer.names(place), offer.category(place), float(offer.odds[place]))
        elif (sent := each.fields) is not None:
            names = {name: getattr(sent, name) for name in ATTRIBUTES}
            found[match_sent(sent)] = _tallied(each, names, sent.category)
    tallies = Tallies()
    tallies.add(TallyCoupon(0, hour, 0.0, [*found.values()]))
    return tallies


def _tallied(
    selection: SlipSelection, names: dict[str, Any], category: str, odd_of_event: float = nan
) -> TallySelection:
    odd = odd_of_event if selection.odd is None else float(selection.odd)
    return TallySelection(
        **names,
        category=category,
        odd=odd if isfinite(odd) else None,
        market=selection.market,
        line=selection.line,
        outcome=selection.outcome,
    )


def profile_of_session(
    request: RecommendationRequest, casino_context: CasinoContext, tallies: Tallies
) -> BettingProfile:
    """The parts of the profile that the request needs. The favourite sport is the most frequent one."""
    pairs: tuple[str, ...] = ()
    if ProfilePart.FAVORITE_PAIRS in request.needs:
        rng = np.random.default_rng(request.seed(0, 0))
        pairs = compute_favorite_pairs(tallies, casino_context.offer, request.now, rng)
    summary = tallies.summarise(with_top_values=ProfilePart.TOP_VALUES in request.needs)
    return BettingProfile(
        favorite_sport="".join(tallies.top("sport", 1)),
        favorite_pairs=pairs,
        **parts_of_tallies(tallies, summary, request, casino_context),
    )


def session_reasons(tallies: Tallies, offer: Offer, event_id: int) -> tuple[str, ...]:
    """Reasons with the number of the session's events that share a team, the league or the sport with this event, the
    highest first."""
    place = offer.place_of(event_id)
    shared = [] if place is None else [*values_shared(tallies.recent, offer, place)]
    return tuple(
        f"You chose or looked at {number} event{'s' if number > 1 else ''} of {name_of(value)}"
        for number, value in sorted(shared, key=lambda each: -each[0])
        if number
    )
