"""Interleaves two recommenders in one slip, by team draft: the events of both, in an order that favours neither.

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

_HIGHEST = 1e9  # in place of infinite scores
_LISTED = 3  # as many events of each list as the slip has, times this: some can't join the other list's


@dataclass(frozen=True, slots=True)
class Draft:
    """`scores`, shape (n,): the higher, the earlier an event was drafted; below them, the first recommender's order.
    `teams`: the place of an event -> the recommender that is credited with it; none where both ranked it first.
    `first_team` had the first turn by the coin; None where neither had an event of its own left. `places` is the slip
    where it is full and no event is pinned: then only a missing price changes it."""

    scores: Floats
    places: list[int] | None
    teams: Mapping[int, Team]
    first_team: Team | None


def first_applicable(chain: Sequence[Recommender], context: ScoringContext) -> Recommender:
    return next(each for each in chain if each.applies(context))


def draft(offer: Offer, scores: tuple[Floats, Floats], rules: slip.Rules, seed: tuple[int, ...]) -> Draft:
    """The slip of both recommenders' scores, by coins of this seed. `rules` hold for all of it; what has no price is
    found out later."""
    own = _own_slips(offer, scores, rules)
    joining = slip.Joining(offer, rules)
    picks = team_draft(*own, rules.limit, _coins(seed), joining.accepts)
    if joining.has_rejected:  # what comes after the own slips may fill in; it can't matter before
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
    """True for the first recommender; of one seed always the same."""
    rng = np.random.default_rng(seed)
    return lambda: rng.random() < 0.5


def _ranked_first(places: Sequence[int], scores: Floats) -> Floats:
    """The scores with these places above all others, in their order; NaN counts as the lowest."""
    ordered = np.nan_to_num(scores, nan=-np.inf, posinf=_HIGHEST, neginf=-np.inf)
    ordered[places] = max(float(ordered.max(initial=0.0)), 0.0) + np.arange(len(places), 0, -1)
    return ordered
