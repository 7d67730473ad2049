"""Cached tallies are those of the columns that the query returned, of no other user, and bounded."""

import gc
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
import pytest
from cachetools import TTLCache

from recommendations.models import UserTallies
from recommendations.recommenders.base import BettingProfile, FittedModels, LazyBets, LazyTally, ScoringContext
from recommendations.recommenders.hybrid_features.features import Features
from recommendations.recommenders.neighbours import NeighboursModel, tokens_of
from recommendations.recommenders.numbered_bets import NumberedBets
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.tallies.outcome_bets import weights_of_bets
from recommendations.tallies.selections import NO_SEQUENCE, TallyCoupon, TallySelection
from recommendations.tallies.tallies_cache import SECONDS, CachedTallies, TalliesCache, tallies_cache
from recommendations.tallies.user_tallies import LazyTallies, Tallies
from recommendations.tallies.user_tallies_sql import merge_tallies
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, offer_of, selection
from recommendations.tests.prices.market_rows import market
from recommendations.validation.identity import name_of
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import grid
from tenants.tests.memory import least_allocated

USER, SAME_ID_OF_ANOTHER_CASINO = ("casino_1", 31), ("casino_2", 31)
HOUR = 3_600.0
ON_OUTCOME = {"market": "TOTALS", "line": "2.5", "outcome": "OVER"}


def unmerged(*leagues, **more):
    """The column of coupons with one selection each, in these leagues."""
    coupons = [
        TallyCoupon(key, key * HOUR, 10.0, [msgspec.convert(selection(league=league, **more), TallySelection)])
        for key, league in enumerate(leagues, start=1)
    ]
    return msgspec.json.encode(coupons).decode()


def version_of(*columns):
    """In place of the database's: differs for other columns."""
    return sha256(repr(columns).encode()).hexdigest()


def merged(cache, key, *columns):
    """The tallies; if the cache knows them, with the memos of the first ones."""
    version, merge = version_of(*columns), partial(merge_tallies, *columns)
    if (known := cache.get(key)) is not None and known.version == version:
        return LazyTallies(merge, known.memos)
    tallies = merge()
    cache.put(key, version, tallies, tallies.summarise(with_top_values=True))
    return tallies


def kept(*columns):
    """The tallies as they are read from the cache."""
    cache = TalliesCache()
    merged(cache, USER, *columns)
    return merged(cache, USER, *columns)


@pytest.mark.parametrize("texts", [None, '["A", "B"]'])
def test_late_tallies_are_those_of_the_columns(texts):
    """Also of selections that are no longer recent, and of bets."""
    old = unmerged(*(f"L{number}" for number in range(400)), event_id=5, **ON_OUTCOME)
    columns = (
        merge_tallies(None, old).encode(),
        texts and unmerged(*msgspec.json.decode(texts), event_id=6, **ON_OUTCOME),
    )
    tallies, fresh = kept(*columns), merge_tallies(*columns)
    assert tallies.encode() == fresh.encode()
    assert fresh.older_event_count
    for name in ("counts", "recent", "bet_count"):
        assert getattr(tallies, name) == getattr(fresh, name)
    assert tallies.weights_at(HOUR) == fresh.weights_at(HOUR)
    assert tallies.bets_at(HOUR) == fresh.bets_at(HOUR) != []
    assert tallies.summarise(with_top_values=True) == fresh.summarise(with_top_values=True)


@pytest.mark.parametrize("with_top_values", [False, True])
def test_a_kept_summary_is_that_of_the_columns(with_top_values):
    """Also of a match without id, a free bet, and a stake of many decimals."""
    cache, tallies = TalliesCache(), merge_tallies(None, unmerged("A", "B", event_id=5, **ON_OUTCOME))
    for key, stake in ((8, 0.0), (9, 1.00012345)):
        tallies.add(TallyCoupon(key, key * HOUR, stake, [msgspec.convert(selection(), TallySelection)], [7]))
    summary = tallies.summarise(with_top_values=with_top_values)
    cache.put(USER, "version", tallies, summary)
    assert cache.get(USER) == CachedTallies("version", summary, tallies.memos)
    assert (set(summary.events), len(summary.matches)) == ({5, 7}, 1)
    assert (summary.events, summary.matches) == tallies.events_bet_on()
    assert summary.sequence == tallies.sequence() != NO_SEQUENCE
    assert (len(summary.stakes), summary.names_outcomes) == (3, True)
    assert (summary.top_values is None) is not with_top_values


def test_late_tallies_are_merged_when_they_are_first_read():
    fresh, waiting = merge_tallies(None, unmerged("A")), [merge_tallies(None, unmerged("A"))]
    tallies = LazyTallies(waiting.pop, {})
    assert tallies.memos_at(HOUR) == ({}, {})
    assert waiting
    assert tallies.counts == fresh.counts
    assert tallies.weights_at(HOUR) == fresh.weights_at(HOUR)  # not merged once more: none is left


def test_equal_columns_are_merged_once():
    cache, packed = TalliesCache(), merge_tallies(None, unmerged("A")).encode()
    first = merged(cache, USER, packed, unmerged("B"))
    assert merged(cache, USER, bytes(bytearray(packed)), unmerged("B")).memos is first.memos
    assert set(first.counts["league"]) == set(merge_tallies(packed, unmerged("B")).counts["league"])


def test_users_of_two_casinos_share_nothing():
    cache = TalliesCache()
    mine = merged(cache, USER, None, unmerged("A"))
    assert cache.get(SAME_ID_OF_ANOTHER_CASINO) is None
    assert merged(cache, SAME_ID_OF_ANOTHER_CASINO, None, unmerged("A")).memos is not mine.memos
    assert merged(cache, USER, None, unmerged("A")).memos is mine.memos


def test_what_was_computed_for_one_hour_is_not_served_in_the_next():
    cached, fresh = kept(None, unmerged("A", "B")), merge_tallies(None, unmerged("A", "B"))
    for hour in (10 * HOUR, 11 * HOUR, 10 * HOUR):
        assert cached.weights_at(hour) == fresh.weights_at(hour)
    assert cached.weights_at(10 * HOUR) != cached.weights_at(11 * HOUR)
    cached.memos_at(10 * HOUR)[0]["computed of them"] = 1
    assert cached.memos_at(10 * HOUR)[1] == {}
    assert cached.memos_at(10 * HOUR)[0]
    assert not cached.memos_at(11 * HOUR)[0]
    assert not cached.memos_at(10 * HOUR)[0]


def test_adding_a_coupon_forgets_what_was_computed():
    tallies = merge_tallies(None, unmerged("A", event_id=1))
    before = tallies.counts, tallies.weights_at(HOUR), tallies.summarise()
    tallies.memos_at(HOUR)[0]["computed of them"] = before
    tallies.add(TallyCoupon(9, HOUR, 10.0, [msgspec.convert(selection(league="B", event_id=2), TallySelection)]))
    after = tallies.counts, tallies.weights_at(HOUR), tallies.summarise()
    assert not tallies.memos_at(HOUR)[0]
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_the_least_recently_used_user_leaves_first_and_the_bytes_are_bounded():
    size = _size_of("A")
    cache = TalliesCache(max_bytes=10 * size)
    entries = {user: merged(cache, ("casino_1", user), None, unmerged("A")) for user in range(10)}
    merged(cache, ("casino_1", 0), None, unmerged("A"))
    merged(cache, ("casino_1", 99), None, unmerged("A"))
    assert cache.nbytes == 10 * size
    assert merged(cache, ("casino_1", 0), None, unmerged("A")).memos is entries[0].memos
    assert merged(cache, ("casino_1", 1), None, unmerged("A")).memos is not entries[1].memos


def test_one_user_takes_at_most_an_eighth():
    cache = TalliesCache(max_bytes=7 * _size_of("A"))
    assert merged(cache, USER, None, unmerged("A")).memos is not merged(cache, USER, None, unmerged("A")).memos
    assert not cache.nbytes


def test_nothing_is_kept_for_longer_than_its_time():
    now = [0.0]
    cache = TalliesCache(timer=lambda: now[0])
    first = merged(cache, USER, None, unmerged("A"))
    now[0] = SECONDS - 1
    assert merged(cache, USER, None, unmerged("A")).memos is first.memos
    now[0] = SECONDS + 1
    assert merged(cache, USER, None, unmerged("A")).memos is not first.memos


def assert_size_is_counted(*columns):
    cache, sent = TalliesCache(), msgspec.msgpack.encode(columns)
    known = merge_tallies(*columns)
    names = ("league", "home_team", "away_team")
    offer = offer_of(*({name: name_of(getattr(each, name)) for name in names} for each in known.recent))
    tokens = tokens_of(BettingProfile(weights=known.weights_at(HOUR)))
    nothing = np.zeros((len(tokens), 1), np.int32)
    models = FittedModels(NeighboursModel.of([*tokens], nothing, nothing.astype(np.float32)))
    values = weights_of_bets(known.bets_at(HOUR)).items()
    bets = NumberedBets({name: {value: 100 + n for n, value in enumerate(own)} for name, own in values})

    def recommend(user_id: int) -> None:
        own = msgspec.msgpack.decode(sent)  # copies, as a request has them
        tallies = merged(cache, ("casino_1", user_id), *own)
        profile = BettingProfile(
            counts=tallies.counts,
            weights=tallies.weights_at(HOUR),
            bets=tallies.bets_at(HOUR),
            memo=tallies.memos_at(HOUR)[0],
            bets_memo=tallies.memos_at(HOUR)[1],
        )
        Features(ScoringContext(offer, profile, models=models)).at(np.arange(len(offer)))
        keys, _ = bets.weights_of(profile, version=0)
        assert (len(profile.memo), len(profile.bets_memo)) == (3, 1)
        assert bool(keys.size) == bool(profile.bets)

    def start_empty() -> None:
        cache.reset()
        gc.collect()  # empties the interpreter's lists of freed objects: those that it uses again are not traced

    def recommend_to_five(_: int) -> None:
        for user_id in range(1, 6):
            recommend(user_id)
        gc.collect()

    recommend(0)  # what all users share is there
    taken = least_allocated(recommend_to_five, before=start_empty)
    assert cache.nbytes / 6 < taken < cache.nbytes


@pytest.mark.covered
@pytest.mark.parametrize("has_ids", [True, False])
def test_a_user_takes_no_more_memory_than_is_counted(has_ids):
    """Matches without ids, of few teams, are a few bytes each in the columns."""
    tallies = merge_tallies(None, None)
    for number in range(1, 1_301):
        teams = {"home_team": f"H {number % 40}", "away_team": f"A {number // 40}"}
        event = selection(event_id=number if has_ids else None, **teams)
        tallies.add(TallyCoupon(number, number * HOUR, 10.0, [msgspec.convert(event, TallySelection)]))
    packed = tallies.encode_bounded()
    assert merge_tallies(packed, None).older_event_count == 1_000
    assert_size_is_counted(packed, None)


@pytest.mark.covered
@pytest.mark.parametrize("on", [{}, ON_OUTCOME], ids=["event", "outcome"])
@pytest.mark.parametrize("in_each", [1, 10, 75])
def test_few_names_in_the_columns_take_no_more_memory_than_is_counted(in_each, on):
    """Of two teams, each selection is a few bytes."""
    tallies = merge_tallies(None, None)
    for coupon in range(1, 300 // in_each + 1):
        events = [selection(event_id=coupon * in_each + number, **on) for number in range(in_each)]
        tallies.add(TallyCoupon(coupon, coupon * HOUR, 10.0, msgspec.convert(events, list[TallySelection])))
    assert tallies.bet_count == (300 if on else 0)
    assert_size_is_counted(tallies.encode_bounded(), None)


@pytest.mark.covered
@pytest.mark.scaled
@pytest.mark.parametrize(("prefix", "count", "on"), grid(["", "ЗЕНИТ ", "🏀 "], [1, 10, 100], [{}, ON_OUTCOME]))
def test_unmerged_coupons_of_new_names_take_no_more_memory_than_is_counted(count, prefix, on):
    teams = [{"home_team": f"{prefix}H {number}", "away_team": f"{prefix}A {number}"} for number in range(count)]
    leagues = [f"{prefix}L {number}" for number in range(count)]
    events = [
        selection(event_id=10**6 + number, league=leagues[number], **each, **on) for number, each in enumerate(teams)
    ]
    coupons = [TallyCoupon(each["event_id"], HOUR, 10.0, [msgspec.convert(each, TallySelection)]) for each in events]
    text = msgspec.json.encode(coupons).decode()
    assert_size_is_counted(None, text)


def test_bets_on_outcomes_are_kept_too():
    texts = unmerged("A", "B", market="1X2", outcome="HOME")
    cached, fresh = kept(None, texts), merge_tallies(None, texts)
    for hour in (10 * HOUR, 11 * HOUR, 10 * HOUR):
        assert cached.bets_at(hour) == fresh.bets_at(hour)
    assert cached.bets_at(10 * HOUR) != cached.bets_at(11 * HOUR)
    assert cached.recent == fresh.recent


def test_what_is_read_late_is_that_of_the_tallies():
    tallies = merge_tallies(None, unmerged("A", "B", market="1X2", outcome="HOME"))
    weights, bets = tallies.weights_at(HOUR), tallies.bets_at(HOUR)
    assert LazyTally(lambda: weights) == weights
    assert LazyTally(lambda: weights).get("league") == weights["league"]
    assert list(LazyBets(lambda: bets, are_any=True)) == bets
    assert not LazyBets(pytest.fail, are_any=False)


@pytest.mark.covered
@pytest.mark.parametrize("name", RECOMMENDERS)
def test_of_tallies_that_contradict_themselves_the_coupons_are_counted(caller_a, casino_a, name):
    """Before a recommender reads them, which may be later."""
    with use_casino(casino_a.current):
        EventFactory.create_batch(20)
        TalliedCouponFactory.create_batch(30, user=UserFactory.create(id=1))
        [tallies] = UserTallies.objects.all()
    caller_a.configure(name)
    expected = caller_a.get("/recommend/1").json()
    words, wrong = msgspec.msgpack.decode(bytes(tallies.tallies)), 10**6
    words[2][0][3][2] = wrong  # the league of a selection
    with use_casino(casino_a.current):
        UserTallies.objects.update(tallies=msgspec.msgpack.encode(words))
    for _ in range(2):
        answer = caller_a.get("/recommend/1").json()
        assert answer | {"time": 0} == expected | {"time": 0}


class BrokenCache(TTLCache[Any, Any]):
    def __setitem__(self, key, value):
        raise KeyError(key)


def test_an_error_of_the_cache_is_not_taken_for_one_of_the_tallies(caller_a, casino_a, monkeypatch):
    with use_casino(casino_a.current):
        TalliedCouponFactory.create(user=UserFactory.create(id=1))
        EventFactory.create_batch(5)
    caller_a.configure("static")
    with monkeypatch.context() as broken:
        broken.setattr(tallies_cache, "_entries", BrokenCache(1, 1.0))
        with pytest.raises(KeyError):
            caller_a.get("/recommend/1")


@pytest.mark.covered
@pytest.mark.scaled
@pytest.mark.parametrize(("name", "on"), grid(RECOMMENDERS, [{}, ON_OUTCOME]))
def test_a_recommendation_from_memory_equals_a_first_one(caller_a, casino_a, name, on):
    with use_casino(casino_a.current):
        user = UserFactory.create(id=1)
        for event in EventFactory.create_batch(20):
            if on:
                market(event.pk, {"OVER": 1.9, "UNDER": 1.9}, name=on["market"], line=on["line"])
        TalliedCouponFactory.create_batch(30, user=user, recommended_events=[selection(**on)])
    answers = []
    for recommender in (name, name, "static", name):
        caller_a.configure(recommender)
        if recommender == "static":  # what it keeps lacks parts that others need
            tallies_cache.reset()
        answers.append(caller_a.get("/recommend/1?explain=1").json())
        del answers[-1]["time"]
    assert answers[0] == answers[1] == answers[3]
    assert tallies_cache.nbytes
    with use_casino(casino_a.current):
        assert Tallies(bytes(UserTallies.objects.get().tallies)).bet_count == (30 if on else 0)


def _size_of(league):
    cache = TalliesCache()
    merged(cache, USER, None, unmerged(league))
    return cache.nbytes
