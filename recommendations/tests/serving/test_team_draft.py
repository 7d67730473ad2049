"""One slip out of two ranked lists."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.serving.team_draft import team_draft

RANKED = st.lists(st.integers(0, 9), unique=True, max_size=8)


def drafted(a, b, places, coins, **more):
    return team_draft(a, b, places, lambda: next(coins), **more)


def coin_sequences(places):
    return product([True, False], repeat=places + 1)


def picks(a, b, places=3, **more):
    """The drafts of all sequences of coins."""
    return [drafted(a, b, places, iter(each), **more) for each in coin_sequences(places)]


def test_events_of_both_lists_come_first_and_are_credited_to_neither():
    for slip in picks([1, 2, 3], [3, 4, 5]):
        assert (slip[0].event, slip[0].team) == (3, None)
        assert {each.event: each.team for each in slip[1:]} == {1: "a", 4: "b"}


@pytest.mark.parametrize("b", [[3, 4, 5], [1, 4, 5], [5, 3, 2], [7, 8, 9], [3, 1, 4], [3, 2, 1]])
def test_both_lists_have_as_many_turns_wherever_the_shared_events_stand(b):
    """Where lists pick shared events too, [1, 2, 3] has three times as many turns as [3, 4, 5]."""
    turns = Counter(each.team for slip in picks([1, 2, 3], b) for each in slip)
    assert turns["a"] == turns["b"]


@given(RANKED, RANKED, st.integers(1, 4))
def test_lists_that_change_places_change_teams(a, b, places):
    other = {"a": "b", "b": "a", None: None}
    for coins in coin_sequences(places):
        mirrored = drafted(b, a, places, (not coin for coin in coins))
        assert [(each.event, other[each.team]) for each in mirrored] == [
            (each.event, each.team) for each in drafted(a, b, places, iter(coins))
        ]


@given(RANKED, RANKED, st.integers(1, 4))
def test_a_slip_is_full_has_no_event_twice_and_credits_both_lists_alike(a, b, places):
    turns: Counter[str | None] = Counter()
    for slip in picks(a, b, places):
        events = [each.event for each in slip]
        assert len(set(events)) == len(events)
        assert set(events) <= {*a, *b}
        assert len(events) == min(places, len({*a, *b}))
        turns.update(each.team for each in slip)
    assert turns["a"] == turns["b"]


@given(RANKED, st.integers(1, 4))
def test_a_list_drafted_with_itself_is_its_own_slip(a, places):
    for slip in picks(a, a, places):
        assert [each.event for each in slip] == a[:places]
        assert {each.team for each in slip} <= {None}


def test_an_event_that_may_not_join_is_passed_over():
    """4 may not stand beside 1, so list b picks its next one."""
    for slip in picks([1, 2, 3], [4, 5, 6], places=2, accepts=lambda slip, event: event != 4 and len(slip) < 3):
        assert {each.event: each.team for each in slip} == {1: "a", 5: "b"}


def test_a_list_is_never_credited_with_an_event_of_the_others_own_slip():
    """List a's own events may not join, and its next one is one of list b's own."""
    for slip in picks([1, 2, 3, 4], [4, 5, 6], accepts=lambda slip, event: event > 3):
        assert [(each.event, each.team) for each in slip] == [(4, None), (5, None), (6, None)]


def test_what_fills_up_an_empty_list_is_credited_to_nobody():
    for slip in picks([1, 2, 3], []):
        assert [(each.event, each.team) for each in slip] == [(1, None), (2, None), (3, None)]
