"""Whatever the experiment, the options and the user: no variant changes a stake, an age or a block, and nobody takes
part who shows a sign of harm."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from recommendations.recommenders.registry import RECOMMENDERS, get_recommender
from recommendations.serving.engine import CasinoContext, RecommendationRequest, UserContext, build_recommendation
from recommendations.serving.experiments.assignment import PARTS
from recommendations.serving.experiments.groups import group_by_variant
from recommendations.serving.experiments.running import (
    VARIANT_OPTIONS,
    Kind,
    StoredExperiment,
    StoredVariant,
    load_running,
    store_running,
)
from recommendations.serving.options import Options, all_options_as_json, load_options, options_as_json
from recommendations.tests.factories import GuardedUser, offer_of
from recommendations.tests.serving.test_slip_rules import (
    NOW,
    is_selected,
    random_event,
    random_options,
    random_profile,
    random_trends,
    random_user,
)
from tenants.tests.exhaustive import scaled

USERS = scaled(1_200, 3_000)
USERS_AN_OFFER = 50


@dataclass
class SomeUser(GuardedUser):
    own_id: int = 1
    restricted_until: datetime | None = None
    personalisation: bool = True


def some_user(rng: random.Random) -> SomeUser:
    """Half of them with no flag but perhaps a restriction that is over."""
    drawn = random_user(rng) or GuardedUser(currency="")
    if rng.random() < 0.5:
        drawn.status, drawn.stake_limit, drawn.limit_left = "ACTIVE", None, None
    ended = rng.choice([None, None, NOW - timedelta(days=89), NOW - timedelta(days=91)])
    return SomeUser(
        **vars(drawn) | {"is_withheld": rng.random() < 0.1},
        own_id=rng.randint(1, 10**9),
        restricted_until=ended,
        personalisation=rng.random() < 0.9,
    )


def is_flagged(user: SomeUser) -> bool:
    has_limit = user.stake_limit is not None or user.limit_left is not None
    was_restricted = user.restricted_until is not None and user.restricted_until + timedelta(days=90) > NOW
    return user.status != "ACTIVE" or has_limit or user.is_withheld or was_restricted or not user.personalisation


def random_experiment(rng: random.Random, options: Options, events: int) -> Any:
    """As the catalogue stores it, with all users in its second variant."""
    other = all_options_as_json(random_options(rng, events))
    names = rng.sample(VARIANT_OPTIONS, rng.randint(0, len(VARIANT_OPTIONS)))
    if {"min_odd", "max_odd"} & set(names):
        names += ["min_odd", "max_odd"]  # of one draw, which fit together
    variants = (
        StoredVariant("control", 0),
        StoredVariant("other", PARTS, rng.choice([None, *RECOMMENDERS]), {name: other[name] for name in names}),
    )
    kind = rng.choice([Kind.AB, Kind.HOLDOUT])
    explore = rng.choice([0.0, 0.2])
    return store_running([StoredExperiment("any", kind, "salt", ((0, PARTS),), variants, NOW, explore=explore)])


def fixed(options: Options) -> dict[str, Any]:
    """What no variant may change."""
    return {name: each for name, each in all_options_as_json(options).items() if name not in VARIANT_OPTIONS}


def check(rng: random.Random, events: list[dict[str, Any]], casino_context: CasinoContext) -> bool:
    """Returns whether the user takes part."""
    options = load_options(options_as_json(random_options(rng, len(events))))
    stored = random_experiment(rng, options, len(events))
    experiments = load_running(stored, "soonest", options_as_json(options))
    assert len(experiments) == 1
    request = RecommendationRequest(1, get_recommender("soonest"), NOW, options)
    user: Any = some_user(rng)
    context = UserContext(
        user.own_id, user.own_id, user, random_profile(rng), usual_stake=None, personalisation=user.personalisation
    )
    [group] = group_by_variant([user], request, experiments)
    before, slip = (
        build_recommendation(each, context, casino_context, UUID(int=0)) for each in (request, group.request)
    )
    assert fixed(group.request.options) == fixed(options)
    assert slip.refusal == before.refusal
    if slip.recommended_events and before.recommended_events:
        assert (slip.stake, slip.currency) == (before.stake, before.currency)
    shown = [(event.event_id, events[event.event_id - 1]) for event in slip.recommended_events]
    assert not any(is_selected(event_id, event, options.blocked) for event_id, event in shown)
    if is_flagged(user) or before.refusal:
        assert (group.choice, group.request) == (None, request)
    return group.choice is not None


@pytest.mark.scaled
def test_no_experiment_changes_a_stake_an_age_or_a_block_and_enrols_nobody_flagged():
    rng, enrolled, asked = random.Random("experiments"), 0, 0
    while asked < USERS:
        events = [random_event(rng) for _ in range(rng.choice([1, 3, 12, 40]))]
        casino_context = CasinoContext(offer_of(*events), random_trends(rng, len(events)))
        for _ in range(USERS_AN_OFFER):
            enrolled += check(rng, events, casino_context)
            asked += 1
    assert enrolled > asked / 10  # and not only because nobody takes part


@pytest.mark.parametrize("name", ["max_stakes", "blocked", "minimum_age", "default_stakes"])
def test_a_stored_variant_that_changes_what_it_must_not_is_not_served(name, caplog):
    value = msgspec.to_builtins(getattr(Options(), name))
    variants = (StoredVariant("control", 5_000), StoredVariant("other", 5_000, None, {name: value}))
    stored = store_running([StoredExperiment("wrong", Kind.AB, "salt", ((0, PARTS),), variants, NOW)])
    assert load_running(stored, "soonest", None) == ()
    assert (
        f"The experiment wrong is not served, its users get the casino's configuration: a variant may not change {name}"
        in caplog.text
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "bandit"}, "'bandit' is not a valid Kind"),
        ({"variants": [{"name": "one", "share": 5_000}]}, "the shares of its variants sum to 5000; must sum to 10000"),
        ({"variants": [{"name": "one", "share": 10_000, "recommender_type": "best"}]}, "The best recommender_type"),
        ({"starts_at": "soon"}, "Invalid RFC3339"),
    ],
)
def test_an_experiment_of_another_release_is_not_served(change, problem, caplog):
    variants = (StoredVariant("one", PARTS),)
    later: Any = store_running([StoredExperiment("later", Kind.AB, "salt", ((0, PARTS),), variants, NOW)])
    stored = later[0]
    assert len(load_running([stored], "soonest", None)) == 1
    assert load_running([{**stored, **change}, stored, 7], "soonest", None)[0].name == "later"
    assert problem in caplog.text
