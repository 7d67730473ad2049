"""Interleaves two recommenders in one slip, by team draft: the events of both, in an order that favours neither.

Chapelle, Joachims, Radlinski, Yue 2012, "Large-scale validation and analysis of interleaved search evaluation".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recommendations.offer import Offer
from recommendations.offer.arrays import Floats
from recommendations.recommenders.base import Recommender, ScoringContext

from . import slip
from .team_draft import Team, team_draft

_LISTED = 3  # as many events of each list as the slip has, times this: some can't join the other list's


@dataclass(frozen=True, slots=True)
class Draft:
    """`scores`, shape (n,): the higher, the earlier an event was drafted; below them, the first recommender's order.
    `teams`: the place of an event -> the recommender that is credited with it; none where both ranked it first."""

    scores: Floats
    teams: Mapping[int, Team]


def first_applicable(chain: Sequence[Recommender], context: ScoringContext) -> Recommender:
    return next(each for each in chain if each.applies(context))


def draft(offer: Offer, scores: tuple[Floats, Floats], rules: slip.Rules, coin: Callable[[], bool]) -> Draft:
    """The slip of both recommenders' scores. `rules` hold for all of it; what has no price is found out later."""
    listed = replace(rules, limit=rules.limit * _LISTED)
    first, second = (slip.choose(offer, each, listed) for each in scores)

    def accepts(places: Sequence[int], place: int) -> bool:
        return slip.may_join(offer, rules, places, place)

    picks = team_draft(first, second, rules.limit, coin, accepts)
    drafted = [pick.event for pick in picks]
    ordered = _below_zero(scores[0])
    ordered[drafted] = np.arange(len(drafted), 0, -1)
    return Draft(ordered, {pick.event: pick.team for pick in picks if pick.team is not None})


def _below_zero(scores: Floats) -> Floats:
    """The ranks of scores as numbers below 0, in the same order; NaN is the lowest."""
    order = np.argsort(np.nan_to_num(scores, nan=-np.inf), kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(-len(scores), 0)
    return ranks
