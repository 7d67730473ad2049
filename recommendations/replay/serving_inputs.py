"""Builds the inputs of recommenders and the slip builder from a replayed state, as serving does from a database."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recommendations.offer import ATTRIBUTES, Offer
from recommendations.offer.arrays import Mask
from recommendations.recommenders.base import BettingProfile, FittedModels, ProfilePart, ScoringContext
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.load import compute_favorite_pairs
from recommendations.serving.slip import Rules

from .replayed_state import OpenEvents, ReplayedState


@dataclass(frozen=True)
class ServingInput:
    """The inputs for one user before a bet: the recommenders' `context`, the slip builder's `rules`, the open events,
    and, as places in the history, the events that the user has `chosen` so far and the `legs` of the slip."""

    context: ScoringContext
    rules: Rules
    open: OpenEvents
    chosen: frozenset[int]
    legs: tuple[int, ...] = ()

    @property
    def offer(self) -> Offer:
        return self.open.offer

    @cached_property
    def is_candidate(self) -> Mask:
        """The mask of the open events on which the user has not bet yet, shape (n,)."""
        mask: Mask = np.ones(len(self.open.places), dtype=np.bool_)
        if self.chosen:
            mask &= ~np.isin(self.open.places, np.fromiter(self.chosen, dtype=np.intp))
        return mask

    def candidates_with(self, chosen: int) -> Mask:
        """The mask of the candidates, shape (n,), including the event at place `chosen` of the offer, but not the other
        legs of its slip, on which the user bet too."""
        mask = self.is_candidate.copy()
        if len(self.legs) > 1:
            mask &= ~np.isin(self.open.places, self.legs)
            mask[chosen] = True
        return mask

    def place_of(self, event: int) -> int | None:
        """The place in the offer of the event at place `event` of the history; None if it is not a candidate."""
        place = int(np.searchsorted(self.open.places, event))
        is_open = place < len(self.open.places) and self.open.places[place] == event
        return place if is_open and event not in self.chosen else None


class ServingInputs:
    """Builds serving inputs. It caches users' favourite pairs as their stored profiles do."""

    def __init__(self, state: ReplayedState, refresh_purchases: int) -> None:
        self._state = state
        self._refresh_purchases = refresh_purchases
        self._pairs: dict[int, tuple[int, tuple[str, ...]]] = {}

    def of(
        self,
        user_id: int,
        request: RecommendationRequest,
        models: FittedModels,
        needs: frozenset[ProfilePart],
        legs: tuple[int, ...] = (),
    ) -> ServingInput:
        state = self._state
        events, matches = state.tallies[user_id].events_bet_on()
        context = ScoringContext(
            offer=state.open().offer,
            profile=self._profile(user_id, request, needs),
            now=state.now,
            hour=request.hour,
            seed=request.seed(user_id, 1),
            trends=state.trends(),
            models=models,
            user_id=user_id,
        )
        rules = Rules(
            now=state.now,
            limit=request.options.event_limit,
            options=request.options,
            held_events=events,
            held_matches=matches,
        )
        return ServingInput(context, rules, state.open(), frozenset(state.chosen[user_id]), legs)

    def _profile(self, user_id: int, request: RecommendationRequest, needs: frozenset[ProfilePart]) -> BettingProfile:
        tallies, user = self._state.tallies[user_id], self._state.history.user(user_id)
        return BettingProfile(
            country=user.country,
            favorite_sport=user.favorite_sport,
            favorite_pairs=self._favorite_pairs(user_id, request) if ProfilePart.FAVORITE_PAIRS in needs else (),
            top_values={name: tallies.top(name, 2) for name in ATTRIBUTES},
            counts=tallies.counts,
            weights=tallies.weights_at(request.hour),
            bets=tallies.bets_at(request.hour),
            sequence=tallies.sequence(),
        )

    def _favorite_pairs(self, user_id: int, request: RecommendationRequest) -> tuple[str, ...]:
        coupons = self._state.coupon_counts[user_id]
        computed_at, pairs = self._pairs.get(user_id, (None, ()))
        if computed_at is None or coupons - computed_at >= self._refresh_purchases:
            rng = np.random.default_rng(request.seed(user_id, 0))
            offer, tallies = self._state.open().offer, self._state.tallies[user_id]
            pairs = compute_favorite_pairs(tallies, offer, request.now, rng)
            self._pairs[user_id] = coupons, pairs
        return pairs
