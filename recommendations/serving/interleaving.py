"""Interleaves two recommenders in one slip by team draft: events of both, in an order that favours neither.

Chapelle, Joachims, Radlinski, Yue 2012, "Large-scale validation and analysis of interleaved search evaluation".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from recommendations.offer import Offer
from recommendations.offer.arrays import Floats
from recommendations.recommenders.base import Recommender, ScoringContext

from . import slip
from .options import NO_SELECTORS
from .team_draft import Team, team_draft

_HIGHEST = 1e9  # replaces infinite scores
_LISTED = 3  # times the slip's events, from each list: some events can't join those of the other list


@dataclass(frozen=True, slots=True)
class Draft:
    """`scores`, shape (n,): the earlier an event was drafted, the higher; below these, the first recommender's order.
    `teams`: place of an event -> the credited recommender; no entry if both ranked the event high. `first_team`: the
    one with the first turn by the coin; None if neither had an event of its own left. `places`: the slip, if it is full
    and no event is pinned; then only a missing price changes it."""

    scores: Floats
    places: list[int] | None
    teams: Mapping[int, Team]
    first_team: Team | None


def first_applicable(chain: Sequence[Recommender], context: ScoringContext) -> Recommender:
    return next(each for each in chain if each.applies(context))


def draft(offer: Offer, scores: tuple[Floats, Floats], rules: slip.Rules, seed: tuple[int, ...]) -> Draft:
    """Draft a slip from both recommenders' scores, with coins of this seed. `rules` apply to the whole slip; missing
    prices are found later."""
    own = _own_slips(offer, scores, rules)
    joining = slip.Joining(offer, rules)
    picks = team_draft(*own, rules.limit, _coins(seed), joining.accepts)
    if joining.has_rejected:  # events after the own slips may fill in; until then they don't matter
        listed = replace(rules, limit=rules.limit * _LISTED)
        joining = slip.Joining(offer, rules)
        picks = team_draft(*_own_slips(offer, scores, listed), rules.limit, _coins(seed), joining.accepts)
    drafted = [pick.event for pick in picks]
    is_final = len(drafted) == rules.limit and rules.options.pinned == NO_SELECTORS
    return Draft(
        scores=_ranked_first(drafted, scores[0]),
        places=drafted if is_final else None,
        teams={pick.event: pick.team for pick in picks if pick.team is not None},
        first_team=next((pick.team for pick in picks if pick.team is not None), None),
    )


def _own_slips(offer: Offer, scores: tuple[Floats, Floats], rules: slip.Rules) -> tuple[list[int], list[int]]:
    return slip.choose(offer, scores[0], rules), slip.choose(offer, scores[1], rules)


def _coins(seed: tuple[int, ...]) -> Callable[[], bool]:
    """Coin tosses, True for the first recommender; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return lambda: rng.random() < 0.5


def _ranked_first(places: Sequence[int], scores: Floats) -> Floats:
    """The scores with these places above all others, in their order; NaN becomes the lowest."""
    ordered = np.nan_to_num(scores, nan=-np.inf, posinf=_HIGHEST, neginf=-np.inf)
    ordered[places] = max(float(ordered.max(initial=0.0)), 0.0) + np.arange(len(places), 0, -1)
    return ordered
