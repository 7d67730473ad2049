"""Counts of sequences of bets, and the features made of them, against their definitions computed bet by bet."""

from collections import Counter
from datetime import timedelta
from math import log1p, sqrt

import numpy as np
import pytest
from msgspec.structs import replace

from recommendations.recommenders.base import NOBODY, FittedModels, ScoringContext
from recommendations.recommenders.hybrid import Hybrid, HybridModel
from recommendations.recommenders.hybrid_features import bet_sequences
from recommendations.recommenders.hybrid_features.bet_sequences import (
    _LONG,
    DAY,
    HOUR,
    SCALES,
    BetSequences,
    PairCounts,
)
from recommendations.recommenders.hybrid_features.features import ADDITIVE, NAMES, Features
from recommendations.recommenders.hybrid_features.sequence_features import PAIR_FEATURES, SCALE_FEATURES
from recommendations.tallies.selections import BetSequence, RecentSelection
from recommendations.tests.factories import OPEN, league, offer_of, team

EVENTS, USERS, COUPONS = 30, 12, 200
NOW = OPEN.timestamp() - DAY
USER = 5


@pytest.fixture(scope="module")
def coupons():
    """(user, time, events), in order of time, one to three events each; events 31 to 35 are in no offer."""
    rng = np.random.default_rng(4)
    times = NOW - 30 * DAY + np.sort(rng.uniform(0, 30 * DAY, COUPONS))
    return [
        (int(rng.integers(1, USERS)), float(time), (1 + rng.permutation(EVENTS + 5)[: rng.integers(1, 4)]).tolist())
        for time in times
    ]


@pytest.fixture(scope="module")
def sequences(coupons):
    found = BetSequences()
    for coupon in coupons:
        found.add(*coupon)
    return found


def firsts_of(coupons, user):
    """Event -> time of the user's first bet, in the order of these."""
    found: dict[int, float] = {}
    for user_id, time, events in coupons:
        for event in events if user_id == user else ():
            found.setdefault(event, time)
    return found


@pytest.fixture
def context(coupons, sequences):
    first_bets = list(firsts_of(coupons, USER).items())[-6:]
    last = RecentSelection(first_bets[-1][1], 3, "FOOTBALL", league(), "ENGLAND", team("H3"), team("A3"), 2.0)
    sequence = BetSequence(tuple(event for event, _ in first_bets), tuple(time for _, time in first_bets), last)
    offer = offer_of(*({"home_team": f"H{number % 7}", "begin_timestamp": OPEN} for number in range(1, EVENTS + 1)))
    models = FittedModels(sequences.counts())
    return ScoringContext(offer, replace(NOBODY, sequence=sequence), now=NOW, hour=NOW, models=models, user_id=USER)


def column(context, name):
    return Features(context).at(np.arange(EVENTS))[:, NAMES.index(name)]


@pytest.mark.parametrize("place", range(len(SCALES)), ids=SCALES)
def test_popularity_at_each_scale_halves_with_its_time_or_number_of_bets(coupons, context, place):
    half_life = (HOUR, 6 * HOUR, 3 * DAY, 7 * DAY, 30, 100, 1000)[place]
    bets = [(time, event) for _, time, events in coupons for event in events]
    clocks = [time for time, _ in bets] if place < 4 else list(range(1, len(bets) + 1))
    sums = np.zeros(EVENTS + 6)
    for clock, (_, event) in zip(clocks, bets, strict=True):
        sums[event] += 2.0 ** ((clock - clocks[-1]) / half_life)
    assert column(context, f"bets within {SCALES[place]}") == pytest.approx(np.log1p(sums[1 : EVENTS + 1]), abs=1e-6)


def test_pair_features_follow_their_definitions(coupons, context):
    users = {user: firsts_of(coupons, user) for user in range(1, USERS)}
    own, bettors, after = context.profile.sequence, Counter[int](), Counter[tuple[int, int]]()
    for first_bets in users.values():
        for number, event in enumerate(first_bets):
            bettors[event] += 1
            if number:
                after[list(first_bets)[number - 1], event] += 1
    followed = {first: sum(n for (one, _), n in after.items() if one == first) for first in bettors}

    def together(one, other):
        """The users whose later bet of both had fewer than ten other events in between."""
        lists = [list(first_bets) for first_bets in users.values() if one in first_bets and other in first_bets]
        return sum(abs(each.index(one) - each.index(other)) <= 10 for each in lists)

    weights = [2.0 ** ((time - NOW) / (14 * DAY)) for time in own.times]
    last, expected = own.event_ids[-1], {each.name: np.zeros(EVENTS) for each in PAIR_FEATURES}
    for place, event in enumerate(range(1, EVENTS + 1)):
        cosines = [together(event, one) / sqrt((bettors[event] + 1) * (bettors[one] + 1)) for one in own.event_ids]
        shares = [together(event, one) / (bettors[one] + 2) for one in own.event_ids]
        nexts = [after[one, event] / (followed[one] + 2) for one in own.event_ids]
        values = {
            "share of next bets": nexts[-1],
            "number of next bets": log1p(after[last, event]),
            "next bets after the last three": sum(nexts[-3:]),
            "share of previous bets": after[event, last] / (bettors[event] + 2),
            "co-bets with the last": cosines[-1] if event != last else 0.0,
            "mean co-bets": sum(cosines) / len(cosines),
            "sum of co-bets": log1p(sum(cosines)),
            "recent co-bets": log1p(sum(np.multiply(cosines, weights))),
            "conditional co-bets": sum(np.multiply(shares, weights)) / (sum(weights) + 0.1),
            "logarithm of co-bets": sum(log1p(together(event, one)) for one in own.event_ids) / (len(cosines) + 2),
        }
        for name, value in values.items():
            expected[name][place] = value
    others = [place for place in range(EVENTS) if place + 1 not in own.event_ids]  # the user's own are no candidates
    for name, numbers in expected.items():
        assert numbers[others].any(), name
        assert column(context, name)[others] == pytest.approx(numbers[others], abs=1e-6), name


def test_the_sum_by_tables_is_the_sum_of_the_events_features(context):
    model = HybridModel({name: 0.1 * (place % 7 - 3) for place, name in enumerate(ADDITIVE)})
    features = Features(context)
    assert features.weighted(model.vector) == pytest.approx(features.at(np.arange(EVENTS)) @ model.vector, abs=1e-3)


def test_bets_that_came_since_the_counts_were_taken_do_no_harm(coupons, context):
    later = BetSequences()
    for coupon in coupons:
        later.add(*coupon)
    counts = later.counts()
    for event in (*context.profile.sequence.event_ids, 1_000, 1_001):
        later.add(77, NOW, [event])
    found = Features(replace(context, models=FittedModels(counts))).at(np.arange(EVENTS))
    assert np.isfinite(found).all()
    assert counts.slot_of(1_000) is None
    assert later.counts().slot_of(1_000) is not None


def test_one_to_two_times_the_minimum_of_latest_selections_count(coupons, monkeypatch):
    monkeypatch.setattr(bet_sequences, "MIN_SELECTIONS", 50)
    followed, sizes = BetSequences(), set[int]()
    for number, coupon in enumerate(coupons, start=1):
        followed.add(*coupon)
        sizes.add(followed.selections)
        assert followed.selections >= min(50, sum(len(events) for _, _, events in coupons[:number]))
    assert 90 < max(sizes) <= 102
    tail = coupons[-next(n for n in range(200) if sum(len(each[2]) for each in coupons[-n:]) == followed.selections) :]
    latest = BetSequences()
    for coupon in tail:
        latest.add(*coupon)
    counts, expected = followed.counts(), latest.counts()
    assert counts.event_ids.tolist() == expected.event_ids.tolist()
    assert counts.scales == pytest.approx(expected.scales)
    assert counts.recency.tolist() == expected.recency.tolist()
    pairs = {(one, other) for one in range(1, EVENTS) for other in range(1, EVENTS)}
    assert [counts.users_of(counts.co_bets, *pair) for pair in pairs] == [
        expected.users_of(expected.co_bets, *pair) for pair in pairs
    ]


@pytest.mark.parametrize("pairs", [0, 1, _LONG - 1, _LONG, 3 * _LONG])
def test_pairs_of_short_and_long_rows_are_counted_alike(pairs):
    seconds = np.random.default_rng(1).integers(0, 50, pairs).tolist()
    counted = PairCounts()
    for second in seconds:
        counted.add(7, second)
        counted.add(second + 8, 7)
    slots, numbers = counted.row(7)
    assert dict(zip(slots.tolist(), numbers.tolist(), strict=True)) == Counter(seconds)


def test_rows_that_were_read_while_bets_came_are_read_again():
    sequences = BetSequences()
    for user in (1, 2):
        sequences.add(user, NOW, [3, 9])
        counts = sequences.counts()
        assert counts.users_of(counts.next_bets, 3, 9) == user


def test_an_event_without_bets_is_the_longest_without(context):
    sequences = BetSequences()
    for event in (3, 9, 8):
        sequences.add(4, NOW, [event])
    since = column(replace(context, models=FittedModels(sequences.counts()), memo={}), "bets since the latest")
    assert since[7] > since[8] > since[2] > since[0] == since[1]


def test_the_begin_of_an_event_that_has_begun_is_near_no_other(context):
    begins = [{"begin_timestamp": OPEN + timedelta(hours=number)} for number in range(1, EVENTS + 1)]
    at_begin = replace(context, offer=offer_of(*begins), hour=OPEN.timestamp(), memo={})
    assert column(at_begin, "begin near the last")[:5] == pytest.approx([-log1p(2), -log1p(1), 0, -log1p(1), -log1p(2)])
    assert not column(replace(at_begin, hour=at_begin.hour + 3 * HOUR, memo={}), "begin near the last").any()


def test_pairs_follow_a_changed_offer(context, coupons):
    Features(context)
    keep = np.arange(EVENTS) % 3 > 0
    fewer = replace(context, offer=context.offer.keep(keep), memo={})
    again = BetSequences()
    for coupon in coupons:
        again.add(*coupon)
    expected = Features(replace(fewer, models=FittedModels(again.counts()), memo={})).at(np.arange(keep.sum()))
    found = Features(fewer).at(np.arange(keep.sum()))
    assert found[:, [NAMES.index(each.name) for each in PAIR_FEATURES]].any(axis=0).all()
    assert np.array_equal(found, expected)


def test_users_without_bets_and_events_without_bettors_have_no_pairs(context):
    pairs = slice(NAMES.index(PAIR_FEATURES[0].name), NAMES.index(PAIR_FEATURES[-1].name) + 1)
    nobody = replace(context, profile=NOBODY)
    nothing_known = replace(context, models=FittedModels(BetSequences().counts()), memo={})
    for each in (nobody, nothing_known):
        assert not Features(each).at(np.arange(EVENTS))[:, pairs].any()
    scales = [NAMES.index(each.name) for each in SCALE_FEATURES if each.name.startswith("bets ")]
    assert not Features(nothing_known).at(np.arange(EVENTS))[:, scales].any()


def test_an_event_that_many_bet_on_after_the_last_says_so(context):
    sequences = BetSequences()
    for user in (1, 2, 3):
        sequences.add(user, NOW, [3])
        sequences.add(user, NOW, [9])
    sequences.add(4, NOW, [3, 8])
    model = HybridModel({"share of next bets": 5.0, "same team as the last": 1.0})
    last = BetSequence((3,), (NOW,), context.profile.sequence.last)
    context_with_reasons = replace(
        context, models=FittedModels(sequences.counts(), model), profile=replace(NOBODY, sequence=last), memo={}
    )
    assert Hybrid().reasons(context_with_reasons, 8) == ["Often bet on after H3 vs A3"]
    assert Hybrid().reasons(context_with_reasons, 9) == ["H3, as in your last bet"]
    assert Hybrid().reasons(context_with_reasons, 7) == []  # by one user alone
