"""`make benchmark-quality`, in short: what its peers may see, and how they are compared with our recommenders."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality.__main__ import HISTORY
from benchmarks.quality.compare import choose_settings, compare
from benchmarks.quality.lambdarank import LambdaRank
from benchmarks.quality.matrix_factorization import LightFm
from benchmarks.quality.past_bets import PastBets
from benchmarks.quality.peer import Peer, ordered
from benchmarks.quality.peers import LIBRARIES, PEERS
from recommendations.recommenders.base import ScoringContext
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.csv_files import read_history
from recommendations.replay.history import PastCoupon

pytestmark = pytest.mark.slow

ANNA, BORIS = 1, 2
LATER = 250  # coupons


@pytest.fixture(scope="module")
def history():
    return read_history(HISTORY / "events.csv", HISTORY / "coupons.csv", HISTORY / "odds.csv")


@pytest.fixture(params=PEERS)
def settings(request):
    if request.param in LIBRARIES:
        pytest.importorskip(LIBRARIES[request.param], reason=f"needs {LIBRARIES[request.param]}: make .venv/quality")
    return PEERS[request.param]


def walk(history, makers, coupons):
    """The peers after this number of coupons, and what they saw."""
    past = PastBets(history)
    peers = [make(past) for make in makers]
    for coupon in history.coupons[:coupons]:
        past.move_to(coupon.timestamp)
        for peer in peers:
            peer.observe(coupon)
        past.add_next()
    return past, peers


def scores_after(history, make, coupons):
    _, [peer] = walk(history, [make], coupons)
    last = history.coupons[coupons - 1]
    return peer.score(ScoringContext(history.events, now=last.timestamp, user_id=last.user_id))


def of_bets(history, *bets):
    """A history of these bets of (user, event's place), one a second from the opening of the first event."""
    first = history.opens_at[0]
    return replace(history, coupons=[PastCoupon(user, first + n, (place,)) for n, (user, place) in enumerate(bets)])


@pytest.mark.covered
def test_past_bets_count_users_of_pairs_and_bets_of_events(history):
    past, _ = walk(of_bets(history, (ANNA, 0), (ANNA, 1), (BORIS, 1), (BORIS, 0), (BORIS, 0), (BORIS, 2)), [], 6)

    assert past.counts[:4].tolist() == [3, 2, 1, 0]
    assert past.pairs[:3, :3].tolist() == [[2, 2, 1], [2, 2, 1], [1, 1, 1]]
    assert past.matrix().toarray()[:, :3].tolist() == [[1, 1, 0], [2, 1, 1]]


def test_popularity_decides_among_equal_scores():
    scores = ordered(np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0, 7.0, 2.0, 7.0]))

    assert np.argsort(-scores).tolist()[:2] == [2, 0]
    assert scores[1] == scores[3]


@pytest.mark.covered
def test_peers_score_by_earlier_bets_alone(history, settings):
    coupons = list(history.coupons[: 2 * LATER])
    changed = [*coupons[:LATER], *(replace(each, places=(0,), user_id=ANNA) for each in coupons[LATER:])]
    make = next(iter(settings.values()))

    before = scores_after(replace(history, coupons=coupons), make, LATER)

    assert scores_after(replace(history, coupons=changed), make, LATER).tolist() == before.tolist()
    assert len(set(before.tolist())) > 5


def test_peers_rank_what_others_bet_on_next_above_what_is_as_popular(history, settings):
    """Those who bet on event 0 then bet on event 1, those who bet on event 2 on event 3; Anna has bet on event 0."""
    others = range(11, 41)
    bets = [(user, (2 * (user % 2)) + step) for user in others for step in (0, 1)]
    history = of_bets(history, *bets, (ANNA, 0))

    scores = scores_after(history, next(iter(settings.values())), len(history.coupons))

    assert scores[1] > scores[3]


class CasesOfLambdaRank(LambdaRank):
    """Remembers the number of coupons before each case, its event's place and the other candidates."""

    def __init__(self, past):
        super().__init__(past, leaves=7)
        self.seen = []

    def _case(self, coupon, place, others):
        self.seen.append((self.past.coupons, place, others.tolist()))
        return super()._case(coupon, place, others)


def test_legs_of_a_slip_are_no_candidates_of_each_other_in_training_cases(history):
    given = of_bets(history, (BORIS, 0), (BORIS, 1), (ANNA, 2), (ANNA, 0), (ANNA, 1))
    *earlier, leg, other_leg = given.coupons
    given = replace(given, coupons=[*earlier, leg, replace(other_leg, timestamp=leg.timestamp)])

    past, [peer] = walk(given, [CasesOfLambdaRank], 5)

    others = [place for place in past.open_to(BORIS, leg.timestamp).tolist() if place != 2]
    assert peer.seen == [(3, 0, others), (3, 1, others)]


def test_lightfm_does_not_know_events_that_open_after_its_fit(history):
    pytest.importorskip("lightfm", reason="needs lightfm: make .venv/quality")
    given = replace(history, opens_at=np.where(np.arange(len(history.events)) < 9, history.opens_at, np.inf))
    bets = [(user, place) for user in range(1, 11) for place in range(user % 3, 9, 3)]
    past, [peer] = walk(of_bets(given, *bets), [lambda past: LightFm(past, 8)], len(bets))

    scores = peer.score_places(ANNA, np.arange(len(history.events)), past.now)

    assert [bool(score) for score in scores] == [place < 9 for place in range(len(scores))]


class ByPlace(Peer):
    """Ranks events in the order of the file, or the other way round."""

    def __init__(self, past, sign):
        super().__init__("by_place", past)
        self._sign = sign

    def score_places(self, user_id, places, now):
        return self._sign * places.astype(float)


@pytest.mark.slow
def test_the_best_settings_before_the_tested_part_are_chosen(history):
    first_to_last = [(user, place) for place in range(8) for user in range(1, 11)]
    last_to_first = [(user, place) for place in (17, 16) for user in range(1, 11)]  # the tested fifth
    settings = {"last": lambda past: ByPlace(past, 1.0), "first": lambda past: ByPlace(past, -1.0)}

    chosen = choose_settings(of_bets(history, *first_to_last, *last_to_first), {"by_place": settings}, 0)

    assert chosen == {"by_place": "first"}


class Witness(Peer):
    """Remembers the coupon that it was asked for, or that it received, and the number of coupons before."""

    def __init__(self, past):
        super().__init__("witness", past)
        self.observed, self.ranked = [], []

    def observe(self, coupon):
        self.observed.append((self.past.coupons, coupon))

    def score_places(self, user_id, places, now):
        self.ranked.append((self.past.coupons, user_id, now))
        return np.zeros(places.size)


@pytest.mark.covered
@pytest.mark.slow
def test_peers_receive_each_coupon_after_they_ranked_for_it(history):
    history = of_bets(history, *((user, place) for place in range(8) for user in range(1, 11)))
    witnesses = []

    def make(past):
        witnesses.append(Witness(past))
        return witnesses[-1]

    compare(history, {"witness": {"only": make}}, [RECOMMENDERS["hybrid"]], 1)

    _, witness = witnesses  # the first of them helped to choose the settings
    assert witness.observed == list(enumerate(history.coupons))
    cases = [*range(64, 70), *range(71, 80)]  # of the last fifth; 70 is the first bet on its event
    coupons = [history.coupons[number] for number in cases]
    assert witness.ranked == [(n, each.user_id, each.timestamp) for n, each in zip(cases, coupons, strict=True)]


@pytest.mark.covered
@pytest.mark.slow
def test_peers_and_ours_are_compared_on_the_same_cases(history):
    names = ["ease", "sequential_rules"]
    ours = [RECOMMENDERS["hybrid"], RECOMMENDERS["soonest"]]

    found = compare(replace(history, coupons=history.coupons[:200]), {name: PEERS[name] for name in names}, ours, 1)

    [all_cases, *_] = found.report.slices
    assert [each.recommender for each in all_cases.results] == [*names, "hybrid", "soonest"]
    assert all_cases.cases > 10
    assert [found.chosen[name] in PEERS[name] for name in names] == [True, True]
