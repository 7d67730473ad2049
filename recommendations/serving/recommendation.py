"""A recommendation before the casino's schema is applied, and the signal that it was served."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from django.dispatch import Signal
from msgspec import UNSET, UnsetType

from recommendations.models.event_names import event_name
from recommendations.validation.own_ids import OwnId


class RecommendedEvent(msgspec.Struct, frozen=True):
    """A recommended event of the offer, with the recommender's `score` and `reasons`. Of a one-sided event, `home_team`
    is its name and `away_team` empty; unknown league and country are empty. `participants` of a match are its teams.
    `own_id` is its id as the casino has it: `event_id`, or the text that this stands for.

    Of an event that was chosen by its markets, `odd` is the price of the `outcome` of `market` and `line` (empty in a
    market without lines) that `producer` sent at `priced_at`, and `outcome_score` that outcome's. They are empty in an
    event with an odd of its own.

    `team` is A or B where two recommenders drafted the slip and only one of them ranked the event among its first;
    `first_team`, of the first event alone, is the one that had the first turn by the coin, also where its event was
    left out later.
    `candidates` are the `event_id`s from which it was drawn with the probability `propensity`, where it was."""

    country: str
    league: str
    home_team: str
    away_team: str
    sport: str
    odd: float
    event_id: int
    own_id: OwnId
    begin_timestamp: datetime
    status: str
    score: float
    reasons: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()
    market: str = ""
    line: str = ""
    outcome: str = ""
    producer: str = ""
    priced_at: datetime | None = None
    outcome_score: float | None = None
    team: str = ""
    first_team: str = ""
    propensity: float | None = None
    candidates: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return event_name(self.home_team, self.away_team)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An event that ranked high enough, with the code of the reason why none of its prices may be served."""

    own_id: OwnId
    reason: str


@dataclass(frozen=True, slots=True)
class UsersVariant:
    """The variant of an experiment that a user got, with its probability. `asked_for` is the recommender that was
    configured for the slip; `is_shown` is false of a slip that the user does not see; `is_forced`: a test asked for the
    variant, so that the answer does not count."""

    experiment: str
    variant: str
    propensity: float
    asked_for: str
    is_shown: bool = True
    is_forced: bool = False


class Recommendation(msgspec.Struct, frozen=True):
    """A bet slip for one user: a stake in the user's currency, and the events to bet on, best first.

    `recommender` is the one that scored, `fallback_step` the number of recommenders before it that lacked data, and
    `model_version` that of the fitted models, or empty. `refusal` is a guard rail's code if bets may not be shown: then
    there are no events, and the stake is 0. `confidence`, from 0 to 1, is `Recommender.confidence`. `own_id` is the
    user's id as the casino has it: `user_id`, or the text that this stands for. `users_variant` is that of a user who
    takes part in an experiment; `unsent` are slips that were computed for the experiment and are not shown.
    `personalisation`: whether the user allows it.
    """

    recommendation_id: UUID
    user_id: int
    own_id: OwnId
    stake: Decimal
    currency: str
    timestamp: datetime
    expires_at: datetime
    recommender: str
    fallback_step: int
    model_version: str
    confidence: float
    refusal: str
    recommended_events: tuple[RecommendedEvent, ...]
    total_odds: Decimal
    potential_return: Decimal
    passed_over: tuple[PassedOver, ...] = ()
    personalisation: bool = True
    users_variant: UsersVariant | None = None
    unsent: tuple["Recommendation", ...] = ()

    @property
    def experiment(self) -> str:
        return "" if self.users_variant is None else self.users_variant.experiment

    @property
    def variant(self) -> str:
        return "" if self.users_variant is None else self.users_variant.variant

    @property
    def count(self) -> int:
        return len(self.recommended_events)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The most important reason of each event that has one, without duplicates."""
        return tuple(dict.fromkeys(event.reasons[0] for event in self.recommended_events if event.reasons))


# Sent with `casino_id` and `served` (ServedRecommendation), in the request's thread: a receiver must not block. An
# exception of a receiver is logged, and the other receivers are still called.
recommendation_served = Signal()


class ServedEvent(msgspec.Struct, frozen=True):
    """A recommended event with its odd at that time; `score` is None where the recommender gave none. `market`, `line`
    and `outcome` of one that was chosen by its markets; else they are not sent. Neither are `team`, `first_team`,
    `propensity` and `candidates` (the ids from which it was drawn, best first) outside of an experiment that drafts or
    draws events."""

    event_id: int
    odd: Decimal | float
    score: float | None = None
    market: str | UnsetType = UNSET
    line: str | UnsetType = UNSET
    outcome: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    first_team: str | UnsetType = UNSET
    propensity: float | UnsetType = UNSET
    candidates: tuple[int, ...] | UnsetType = UNSET


class ServedRecommendation(msgspec.Struct, frozen=True, kw_only=True):
    """A recommendation as it was served, its events best first; without events too, and then with the `refusal` if a
    guard rail forbade bets.

    `asked_for` is the recommender that the casino has configured, `recommender` the one that scored. `fallback` is the
    step of the fallback chain that scored instead, and `model_version` that of the fitted models; both may be empty.
    `took_ms`: milliseconds from request to response with the database, without HTTP and slips that are only compared;
    in a batch, each user's share.
    What follows is not sent where it is not set: the `placement` that the request named, and of an experiment its name,
    the `variant`, the `propensity` of the slip where it was drawn, and `shown`, false for one that was not sent.
    """

    recommendation_id: UUID
    user_id: int
    timestamp: datetime
    recommender: str
    asked_for: str
    fallback: str = ""
    model_version: str = ""
    stake: Decimal
    currency: str
    events: tuple[ServedEvent, ...]
    took_ms: float | None = None
    placement: str | UnsetType = UNSET
    experiment: str | UnsetType = UNSET
    variant: str | UnsetType = UNSET
    propensity: float | UnsetType = UNSET
    shown: bool | UnsetType = UNSET
    refusal: str | UnsetType = UNSET
