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
    """A recommended event of the offer, with the recommender's `score` and `reasons`. For a one-sided event,
    `home_team` is its name and `away_team` is empty. Unknown league and country are empty. `participants`: of a match,
    its teams. `own_id`: the casino's own id, which is `event_id` or the text for which it stands.

    For an event chosen by its markets: `odd` is the price of the `outcome` of `market` and `line` (empty in a market
    without lines), sent by `producer` at `priced_at`; `outcome_score` is the outcome's score. These are empty for an
    event with its own odd.

    If two recommenders drafted the slip: `team` is A or B if only one of them ranked the event high; `first_team`, in
    the first event only, is the team with the first turn by the coin, even if its event was left out later. If the
    event was drawn: `candidates` are the `event_id`s from which it was drawn, with the probability `propensity`."""

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
    """An event that ranked high enough, with the code of the refusal of its prices."""

    own_id: OwnId
    reason: str


@dataclass(frozen=True, slots=True)
class UsersVariant:
    """A user's variant in an experiment, with its probability. `asked_for`: the recommender that was configured for the
    slip. `is_shown`: False for a slip that the user does not see. `is_forced`: a test requested the variant, so that
    the response does not count."""

    experiment: str
    variant: str
    propensity: float
    asked_for: str
    is_shown: bool = True
    is_forced: bool = False


class Recommendation(msgspec.Struct, frozen=True):
    """A bet slip for one user: a stake in the user's currency, and the events to bet on, best first.

    `recommender`: the one that scored; `fallback_step`: the number of recommenders before it that lacked data;
    `model_version`: of the fitted models, or empty. `refusal`: the code of the guard rail that forbids bets; then there
    are no events, and the stake is 0. `confidence`: from 0 to 1, see `Recommender.confidence`. `own_id`: the casino's
    own id, which is `user_id` or the text for which it stands. `users_variant`: of a user in an experiment; `unsent`:
    slips that were computed for the experiment and are not shown. `personalisation`: whether the user allows it.
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


# Sent with `casino_id` and `served` (ServedRecommendation), in the request's thread: a receiver must not block. A
# receiver's exception is logged, and the other receivers are still called.
recommendation_served = Signal()


class ServedEvent(msgspec.Struct, frozen=True):
    """A recommended event with its odd when served. `score`: None if the recommender has none. `market`, `line` and
    `outcome` are only sent for an event chosen by its markets; `team`, `first_team`, `propensity` and `candidates` (the
    ids from which it was drawn, best first) only in an experiment that drafts or draws events."""

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
    """A served recommendation, its events best first. It is also sent without events, then with the `refusal` if a
    guard rail forbade bets.

    `asked_for`: the recommender that the casino has configured; `recommender`: the one that scored. `fallback`: the
    step of the fallback chain that scored instead; `model_version`: of the fitted models; both may be empty. `took_ms`:
    milliseconds from request to response with the database, without HTTP and without slips that are only compared; in a
    batch, each user's share. The following fields are only sent if set: the request's `placement`; the `experiment`'s
    name, the `variant`, the `propensity` of a drawn slip, and `shown`, False for an unsent one.
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
