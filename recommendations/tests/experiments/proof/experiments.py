"""One made-up experiment at a time: an A/A or A/B test, or an interleaving, with looks at a fixed interval."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from recommendations.experiments.statistics.boundary import Floats
from recommendations.experiments.statistics.clock import (
    CREDIT_DAYS,
    FEWEST_CREDITS_TO_PLAN,
    planned_credit_variance,
    planned_variance,
)
from recommendations.experiments.statistics.contrast import Contrast, contrast
from recommendations.experiments.statistics.guards import breaks_uplift_limit
from recommendations.experiments.statistics.interleaving import follow_credits
from recommendations.experiments.statistics.looks import Looks, follow
from recommendations.experiments.statistics.moments import Ints
from recommendations.experiments.statistics.running import running_credits
from recommendations.serving.team_draft import team_draft

from .lists import HITS, PLACES, Lists, Recommenders, draw_lists
from .looking import looks_every, moments_at, pre_period
from .world import HOURS, World, build_world

PLANNED_DAYS = 28
BETS_PER_ACTIVE_DAY = 0.08


@dataclass(frozen=True, slots=True)
class Setting:
    """The users of an experiment, its duration, and the interval of its looks."""

    users: int
    days: int = PLANNED_DAYS
    hours_between_looks: int = 1
    variant_share: float = 0.5


def ab_test(rng: np.random.Generator, setting: Setting, uplift: float) -> tuple[Looks, Looks]:
    """The looks at days with a bet, and at capped stakes."""
    arms, world = _ab_world(rng, setting, uplift)
    days, stakes = np.ones(len(world.bets.users)), world.capped_stakes()
    return follow(*_compared(world, arms, days, setting)), follow(*_compared(world, arms, stakes, setting))


def guarded(rng: np.random.Generator, setting: Setting, uplift: float, limit: float) -> bool:
    """Whether the guard of days with a bet stops the variant at some look."""
    arms, world = _ab_world(rng, setting, uplift)
    return breaks_uplift_limit(*_compared(world, arms, np.ones(len(world.bets.users)), setting), limit)


def _ab_world(rng: np.random.Generator, setting: Setting, uplift: float) -> tuple[Ints, World]:
    arms = (rng.random(setting.users) < setting.variant_share).astype(np.int64)
    return arms, build_world(rng, setting.users, setting.days, uplifts=arms.astype(np.float64) * uplift)


def _compared(world: World, arms: Ints, values: Floats, setting: Setting) -> tuple[Contrast, float]:
    """The contrast at each look, and the planned variance."""
    looks = looks_every(setting.hours_between_looks, setting.days)
    planned = planned_variance(
        pre_period(world, values),
        control_share=1 - setting.variant_share,
        variant_share=setting.variant_share,
        planned_days=PLANNED_DAYS,
    )
    return contrast(moments_at(world, arms, values, looks)), planned


def interleaving(rng: np.random.Generator, setting: Setting, recommenders: Recommenders) -> Looks:
    """The looks at credits: all users see drafts of both lists."""
    world = build_world(rng, setting.users, setting.days, bet_rate=BETS_PER_ACTIVE_DAY / HITS)
    wanted = world.bets.of(~world.bets.are_before)
    lists = draw_lists(rng, len(wanted.users), recommenders)
    signs = credits_of(rng, lists)
    is_credited = signs != 0
    bets, signs = wanted.of(is_credited), signs[is_credited]
    until = np.searchsorted(np.sort(bets.hours), np.arange(setting.days) * HOURS)  # credits before each day
    days = max(int(np.searchsorted(until, FEWEST_CREDITS_TO_PLAN)), CREDIT_DAYS)
    planned = planned_credit_variance(float(until[days]), days, PLANNED_DAYS)
    looks = looks_every(setting.hours_between_looks, setting.days)
    looks = looks[looks >= days * HOURS]
    of_a, of_b = (signs < 0).astype(np.float64), (signs > 0).astype(np.float64)
    at = np.searchsorted(looks, bets.hours)
    return follow_credits(running_credits(bets.users, at, of_a, of_b, looks=len(looks)), planned)


def ab_test_of_lists(rng: np.random.Generator, setting: Setting, recommenders: Recommenders) -> Looks:
    """The looks at bets, if each user sees the list of one of the two recommenders."""
    arms = (rng.random(setting.users) < setting.variant_share).astype(np.int64)
    world = build_world(rng, setting.users, setting.days, bet_rate=BETS_PER_ACTIVE_DAY / HITS)
    lists = draw_lists(rng, len(world.bets.users), recommenders)
    sees_b = (arms[world.bets.users] == 1) & ~world.bets.are_before
    hits = np.where(sees_b, lists.hits_b, lists.hits_a).astype(np.float64)
    return follow(*_compared(world, arms, hits, setting))


def ab_test_without_effect(
    rng: np.random.Generator, setting: Setting, recommenders: Recommenders
) -> tuple[Looks, Looks, Looks]:
    """Users bet on the event that they want, shown or not. The looks at three metrics: bets on shown events (what
    attribution counts), bets on events that either list has (`influence`), and all bets."""
    arms, world = _ab_world(rng, setting, 0.0)
    lists = draw_lists(rng, len(world.bets.users), recommenders)
    sees_b = (arms[world.bets.users] == 1) & ~world.bets.are_before
    metrics = np.where(sees_b, lists.hits_b, lists.hits_a), lists.hits_a | lists.hits_b, np.ones(len(lists.wanted))
    attributed, influence, every = (follow(*_compared(world, arms, each.astype(float), setting)) for each in metrics)
    return attributed, influence, every


def credits_of(rng: np.random.Generator, lists: Lists) -> Ints:
    """1 where the draft had list b's event that is bet on, -1 where a's, 0 where it had neither or both lists did."""
    signs = np.zeros(len(lists.wanted), np.int64)
    rows = np.flatnonzero(lists.hits_a != lists.hits_b)
    coins = iter((rng.random(len(rows) * (PLACES + 1)) < 0.5).tolist())
    for row in rows:
        for pick in team_draft(lists.a[row].tolist(), lists.b[row].tolist(), PLACES, partial(next, coins)):
            if pick.event == lists.wanted[row] and pick.team is not None:
                signs[row] = 1 if pick.team == "b" else -1
    return signs
