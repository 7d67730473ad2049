"""Groups the users of a request by their variant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from recommendations.errors import InvalidParameter
from recommendations.recommenders.base import ProfilePart
from recommendations.serving.engine import EMPTY_SLIP_EXPIRES, RecommendationRequest
from recommendations.serving.guard_rails import refuse
from recommendations.serving.load import FoundUser
from recommendations.serving.recommendation import Recommendation, UsersVariant
from recommendations.validation.own_ids import OwnId

from .assignment import LAYER, is_in, place_of, variant_at
from .enrolment import may_enrol
from .running import RunningExperiment, Variant

_Choice = tuple[RunningExperiment, Variant]
INTERLEAVED = "interleaved"  # the variant's name for users who get a slip of both


@dataclass(frozen=True, slots=True)
class Group:
    """Users with the same variant, or with none. `request` computes their slips; `compared` compute the slips of the
    other variants, which are recorded but not shown."""

    user_ids: Sequence[OwnId]
    request: RecommendationRequest
    choice: _Choice | None = None
    is_forced: bool = False
    compared: tuple[RecommendationRequest, ...] = ()

    def answer(self, slip: Recommendation, compared: Sequence[Recommendation]) -> Recommendation:
        """The response to the user of a slip, with the slips of the other variants."""
        if self.choice is None:
            return slip
        is_shown = not self.choice[1].is_withheld
        unsent = [self._marked(each, by, is_shown=False) for each, by in zip(compared, self.compared, strict=True)]
        answer = self._marked(slip, self.request, is_shown=is_shown)
        return replace(answer, unsent=tuple(unsent)) if is_shown else _withheld(answer)

    def _marked(self, slip: Recommendation, by: RecommendationRequest, *, is_shown: bool) -> Recommendation:
        """The slip with the user's variant, also if another variant computed it."""
        if self.choice is None:
            return slip
        experiment, variant = self.choice
        asked_for = by.recommender.name
        if by.rival is not None:
            both = f"{asked_for}+{by.rival.name}"
            return replace(slip, recommender=both, users_variant=UsersVariant(experiment.name, INTERLEAVED, 1.0, both))
        mark = UsersVariant(experiment.name, variant.name, variant.propensity, asked_for, is_shown, self.is_forced)
        return replace(slip, users_variant=mark)


def needs_of_variants(
    request: RecommendationRequest, experiments: Iterable[RunningExperiment]
) -> frozenset[ProfilePart]:
    """The parts of profiles that the request needs with any variant of the experiments."""
    variants = (variant for experiment in experiments for variant in experiment.variants)
    return request.needs.union(*(_with_variant(request, variant).needs for variant in variants))


def group_by_variant(
    users: Iterable[FoundUser],
    request: RecommendationRequest,
    experiments: Sequence[RunningExperiment],
    forced: str = "",
) -> list[Group]:
    """Group users by variant. `request`: for users who take part in no experiment. `forced`: the variant that a test
    requests, of a scheduled or running experiment. Raises InvalidParameter."""
    forced_choice = _find_variant(experiments, forced) if forced else None
    running = [each for each in experiments if each.is_running(request.now, request.filters.placement)]
    ids: dict[_Choice | None, list[OwnId]] = {}
    for user in users:
        ids.setdefault(_choose(user, request, running, forced_choice), []).append(user.own_id)
    return [_group(user_ids, request, choice, is_forced=bool(forced)) for choice, user_ids in ids.items()]


def _choose(
    user: FoundUser, request: RecommendationRequest, running: Iterable[RunningExperiment], forced: _Choice | None
) -> _Choice | None:
    """The user's variant; None if the user takes part in no experiment, or may not."""
    choice = forced or _assign(user.own_id, request.casino_id, running)
    if choice is None or not may_enrol(user, request.now) or refuse(user, request.options, request.now) is not None:
        return None
    return choice


def _assign(user_id: OwnId, casino_id: int, running: Iterable[RunningExperiment]) -> _Choice | None:
    place = place_of(LAYER, casino_id, user_id)
    for experiment in running:
        if is_in(place, experiment.ranges):
            if experiment.is_interleaved:
                return experiment, experiment.variants[0]
            number = variant_at(place_of(experiment.salt, casino_id, user_id), experiment.shares)
            return experiment, experiment.variants[number]
    return None


def _group(
    user_ids: Sequence[OwnId], request: RecommendationRequest, choice: _Choice | None, *, is_forced: bool
) -> Group:
    if choice is None:
        return Group(user_ids, request)
    experiment, variant = choice
    if experiment.is_interleaved and not is_forced:
        both = replace(_with_variant(request, variant), rival=experiment.variants[1].recommender)
        return Group(user_ids, both, choice)
    if not is_forced and not request.selections:  # the slip to which events are added is not recorded
        request = replace(request, explore=experiment.explore)
    others = experiment.variants if experiment.compares_slips and not is_forced else ()
    unshown = replace(request, needs_reasons=False)
    compared = [_with_variant(unshown, each) for each in others if not each.answers_like(variant)]
    own = _with_variant(unshown if variant.is_withheld else request, variant)
    return Group(user_ids, own, choice, is_forced, tuple(compared))


def _with_variant(request: RecommendationRequest, variant: Variant) -> RecommendationRequest:
    return replace(request, recommender=variant.recommender, options=variant.options)


def _find_variant(experiments: Iterable[RunningExperiment], name: str) -> _Choice:
    """Find the variant. Raises InvalidParameter unless exactly one has this name, alone or after its experiment's
    name."""
    every = [(experiment, variant) for experiment in experiments for variant in experiment.variants]
    full = {f"{experiment.name}/{variant.name}": (experiment, variant) for experiment, variant in every}
    found = [full[name]] if name in full else [each for each in every if each[1].name == name]
    if len(found) != 1:
        known = ", ".join(full) or "none: no experiment is scheduled or running"
        raise InvalidParameter(f"variant must be one of these, or the part after '/' if it is unique: {known}")
    return found[0]


def _withheld(answer: Recommendation) -> Recommendation:
    """The response without events; the slip is recorded as unsent."""
    nothing = answer.stake * 0  # keeps the currency's decimals
    return replace(
        answer,
        stake=nothing,
        potential_return=nothing,
        total_odds=answer.total_odds * 0,
        expires_at=answer.timestamp + EMPTY_SLIP_EXPIRES,
        recommended_events=(),
        passed_over=(),
        unsent=(answer,),
    )
