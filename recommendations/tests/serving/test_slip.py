"""A slip has only eligible events, whatever their scores."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.serving import slip
from recommendations.serving.casino_catalogue import Catalogue
from recommendations.serving.options import Options, Selectors
from recommendations.serving.slip import Rules
from recommendations.serving.start_times import with_unknown_start_times
from recommendations.tests.factories import OPEN, offer_of, team

BEFORE = OPEN - timedelta(hours=1)


def eligible(offer, now, **rules):
    return slip.eligible(offer, Rules(now=now.timestamp(), limit=3, **rules))


def choose(offer, scores, now, limit, **rules):
    return slip.choose(offer, scores, Rules(now=now.timestamp(), limit=limit, **rules))


@pytest.mark.parametrize(("seconds", "may_be_shown"), [(-1, True), (-0.001, True), (0, False), (1, False)])
def test_an_event_may_be_shown_until_it_begins(seconds, may_be_shown):
    assert list(eligible(offer_of({}), OPEN + timedelta(seconds=seconds))) == [may_be_shown]


@pytest.mark.parametrize(("odd", "may_be_shown"), [("1.001", True), ("1", False), ("0", False), ("-3", False)])
def test_an_odd_must_pay_more_than_the_stake(odd, may_be_shown):
    assert list(eligible(offer_of({"odd": Decimal(odd)}), BEFORE)) == [may_be_shown]


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity"])
def test_an_odd_must_be_a_number(odd):
    assert list(eligible(offer_of({"odd": Decimal(odd)}), BEFORE)) == [False]


@pytest.mark.parametrize(
    ("listed", "named"),
    [("MALMÖ FF", "MALMÖ FF"), ("2ª LIGA", "2A LIGA"), ("2A LIGA", "2ª LIGA"), ("𝐋𝐈𝐆𝐀", "LIGA"), ("A", "A")],
)
def test_a_blocked_name_is_compared_in_one_form(listed, named):
    offer = offer_of({"home_team": "OTHER"}, {"league": named}, {"away_team": named}, {"league": "LIG"})
    offer = offer.patched(2, offer_of(*[{}] * 4, {"home_team": named}, {"home_team": "LÍGA"}))
    options = Options(blocked=Selectors(leagues=(listed,), teams=(listed,)))
    expected = [True] * 4 + [False, True]
    assert list(eligible(offer, BEFORE, options=options)) == expected
    both = offer_of({"league": named}, {"league": listed}, {"away_team": named}, {"away_team": listed})
    assert not eligible(both, BEFORE, options=options).any()


def test_shares_are_of_what_may_be_shown_and_the_user_has_not_bet_on():
    offer = offer_of({}, {"odd": Decimal(1)}, {}, {}, {})
    chances = np.array([0.1, 7.0, 0.6, 2.0, 0.3])
    rules = Rules(now=BEFORE.timestamp(), limit=3, held_events={int(offer.ids[3]), 0, 10**9})
    shares = slip.shares_of(offer, np.log(chances) + 800, rules, [2, 0])
    assert shares == pytest.approx([0.6, 0.7], abs=1e-4)  # of scores around 800, in 32 bits
    for filters in ({"sports": {"ROWING"}}, {"min_odd": 9.0}, {"max_odd": 1.01}, {"needs_market": True}):
        filtered = msgspec.structs.replace(rules, **filters)
        assert slip.shares_of(offer, np.log(chances), filtered, [2, 0]) == pytest.approx(shares, abs=1e-4)
    assert slip.shares_of(offer, np.log(chances), rules, []).tolist() == []
    late = np.log(chances) - np.array([0, 0, 900, 0, 0])
    assert slip.shares_of(offer, late, rules, [2]) == pytest.approx([0.0])


@pytest.mark.parametrize("live_events", [False, True])
@pytest.mark.parametrize("margin", [0, 20])
def test_events_are_eligible_as_if_computed_for_each_request(live_events, margin):
    times = [(OPEN + timedelta(seconds=30 * n), OPEN + timedelta(seconds=95 * n + 1)) for n in range(5)]
    offer = offer_of(*[{"begin_timestamp": begin, "end_timestamp": end} for begin, end in times])
    options, counts = Options(live_events=live_events, begin_margin_seconds=margin), set()
    for seconds in (*range(-30, 400, 5), 0, 100):
        now = OPEN + timedelta(seconds=seconds)
        expected = eligible(replace(offer), now, options=options)  # with a memo of its own
        assert list(eligible(offer, now, options=options)) == list(expected)
        counts.add(int(expected.sum()))
    assert len(counts) > 3


@pytest.mark.parametrize("live_events", [False, True])
def test_eligible_events_are_computed_once_until_an_event_begins_or_ends(live_events):
    offer, options = offer_of({}, {"begin_timestamp": OPEN + timedelta(hours=1)}), Options(live_events=live_events)
    masks = [eligible(offer, OPEN + timedelta(minutes=each), options=options) for each in (-9, -1, 0, 59, 119, 120)]
    assert [masks[n] is masks[n + 1] for n in range(5)] == [True, False, True, False, not live_events]
    assert not any(mask.flags.writeable for mask in masks)


def test_eligible_events_of_any_producer_are_not_kept():
    offer = offer_of({}).with_offered_by({1: 2})
    cached_mask = eligible(offer, BEFORE, alive=1)
    assert list(eligible(offer, BEFORE, alive=slip.ANY_PRODUCER)) == [True]
    assert eligible(offer, BEFORE, alive=1) is cached_mask
    assert (list(cached_mask), list(eligible(offer, BEFORE, alive=2))) == ([False], [True])


def test_eligible_events_of_one_request_are_not_those_of_another():
    offer = offer_of({"odd": Decimal(2)}, {"odd": Decimal(3), "sport": "TENNIS"}, {"start_time_tbd": True})
    day_began_later, at_night = Options(unknown_start_time_zone="America/New_York"), OPEN - timedelta(hours=16)
    requests: list[dict[str, Any]] = [
        {}, {"min_odd": 2.5}, {"max_odd": 2.5}, {"sports": ("TENNIS",)}, {}, {"passed_over": (0,)}, {},
        {"needs_market": True}, {"options": Options(blocked=Selectors(sports=("TENNIS",)))},
        {"options": day_began_later},
    ]  # fmt: skip
    masks = []
    for _ in range(2):
        for rules in requests:
            zone = rules.get("options", Options()).unknown_start_time_zone
            read, fresh = (with_unknown_start_times(each, zone) for each in (offer, replace(offer)))
            mask = list(eligible(read, at_night, **rules))
            assert mask == list(eligible(fresh, at_night, **rules))
            masks.append(tuple(mask))
    assert len(set(masks)) == 5
    assert masks[0] == (True, True, False)
    assert masks[-1] == (True, True, True)
    assert list(eligible(with_unknown_start_times(offer, None), at_night)) == [True, True, False]
    assert list(eligible(offer, at_night)) == [True, True, True]  # as it was read, with the same memo


def test_the_best_scores_win_best_first():
    assert choose(offer_of(*[{}] * 5), np.array([1.0, 5, 3, 2, 4]), BEFORE, 3) == [1, 4, 2]


def test_a_full_league_is_excluded():
    offer = offer_of(*[{"league": f"L{n // 50}"} for n in range(200)])
    capped = Options(max_per_league=2, event_limit=20)
    assert choose(offer, -np.arange(200.0), BEFORE, 20, options=capped) == [0, 1, 50, 51, 100, 101, 150, 151]
    assert choose(offer, np.arange(200.0), BEFORE, 3, options=capped) == [199, 198, 149]


def test_a_league_of_the_same_name_in_another_country_is_not_full():
    offer = offer_of(*[{"country": f"C{n // 2}"} for n in range(6)])
    assert choose(offer, -np.arange(6.0), BEFORE, 6, options=Options(max_per_league=1)) == [0, 2, 4]


@pytest.mark.parametrize("blocked", [Selectors(leagues=("PREMIER LEAGUE",)), Selectors(teams=("liverpool",))])
def test_a_blocked_name_is_blocked_in_every_country_and_category(blocked):
    named = {"home_team": "LIVERPOOL"}
    offer = offer_of(named, named | {"country": "URUGUAY"}, named | {"category": "WOMEN"}, {"league": "X"})
    assert list(eligible(offer, BEFORE, options=Options(blocked=blocked))) == [False, False, False, True]


def test_a_team_of_one_name_in_two_countries_is_in_a_slip_once():
    offer = offer_of({"home_team": "LIVERPOOL"}, {"away_team": "LIVERPOOL", "country": "EUROPE"}, {})
    assert choose(offer, np.array([3.0, 2, 1]), BEFORE, 3) == [0, 2]


@pytest.mark.parametrize(
    ("bet", "shown"),
    [
        ({}, [2, 3, 4]),
        ({"category": "WOMEN"}, [0, 2, 3, 4]),
        ({"country": "URUGUAY"}, [0, 1, 3, 4]),
        ({"sport": "HANDBALL"}, [0, 1, 2, 3]),
        ({"league": "ANY"}, [2, 3, 4]),
    ],
)
def test_a_bet_without_an_id_holds_the_match_in_its_sport_country_and_category(bet, shown):
    match = {"home_team": "H", "away_team": "A"}
    others = [{}, {"category": "WOMEN"}, {"country": "URUGUAY"}, {"home_team": "A", "away_team": "H"}]
    offer = offer_of(*[match | other for other in [*others, {"sport": "HANDBALL"}]])
    within = {"sport": "FOOTBALL", "country": "ENGLAND", "category": ""} | bet
    within.pop("league", None)
    held = frozenset({(team("H", **within), team("A", **within))})
    first = [choose(offer, -abs(np.arange(5.0) - place), BEFORE, 1, held_matches=held) for place in range(5)]
    assert [place for place in range(5) if first[place] == [place]] == shown


def test_a_full_sport_is_excluded():
    offer = offer_of(*[{"sport": ("FOOTBALL", "HANDBALL")[n % 2]} for n in range(100)])
    assert choose(offer, -np.arange(100.0), BEFORE, 9, options=Options(max_per_sport=1)) == [0, 1]


def test_scores_that_users_share_give_the_slips_that_each_users_own_give():
    offer = offer_of(*[{"begin_timestamp": OPEN + timedelta(hours=hours)} for hours in range(200)])
    ids, rng = offer.ids.tolist(), np.random.default_rng(2)
    own = [
        rng.permutation(np.arange(200.0)),
        rng.integers(0, 3, 200).astype(float),
        np.where(rng.random(200) < 0.5, np.nan, 1),
    ]
    shared = [scores.copy() for scores in own]
    for scores in shared:
        scores.flags.writeable = False
    others: list[dict[str, Any]] = [
        {},
        {"held_events": set(ids[20:180])},
        {"held_events": set(ids[:195])},
        {"sports": ["CURLING"]},
        {"options": Options(max_per_sport=2)},
    ]
    for now in (BEFORE, BEFORE, OPEN + timedelta(hours=90)):
        for rules in others:
            for mine, of_all in zip(own, shared, strict=True):
                assert choose(offer, of_all, now, 5, **rules) == choose(offer, mine, now, 5, **rules)


def test_shared_scores_and_masks_count_once_in_the_offers_size():
    offer, scores = offer_of(*[{}] * 200), np.arange(200.0)
    scores.flags.writeable = False
    before = offer.nbytes
    choose(offer, scores, BEFORE, 5)
    assert offer.nbytes == before + eligible(offer, BEFORE).nbytes


def test_equal_scores_are_ordered_by_id():
    assert choose(offer_of(*[{}] * 5), np.array([1.0, 2, 2, 1, 2]), BEFORE, 4) == [1, 2, 4, 0]


def test_many_equal_scores_are_ordered_by_id():
    scores = np.tile([2.0, 1.0], 100)
    assert choose(offer_of(*[{}] * 200), scores, BEFORE, 200) == [*range(0, 200, 2), *range(1, 200, 2)]


def test_no_score_is_lower_than_nan():
    assert choose(offer_of(*[{}] * 4), np.array([np.nan, -1e9, -np.inf, np.inf]), BEFORE, 4) == [3, 1, 2, 0]


def test_an_ineligible_event_is_never_chosen_however_high_its_score():
    offer = offer_of({"begin_timestamp": BEFORE}, {}, {"odd": Decimal("NaN")}, {"odd": Decimal(1)})
    assert choose(offer, np.array([9.0, 1, 8, 7]), BEFORE, 3) == [1]


def test_an_empty_offer_gives_an_empty_slip():
    assert choose(offer_of(), np.zeros(0), BEFORE, 3) == []


@pytest.mark.parametrize("scores", [np.zeros(2), np.zeros(4), np.zeros((3, 1)), np.zeros(())])
def test_a_recommender_without_one_score_per_event_raises(scores):
    with pytest.raises(ValueError, match="must return 3 scores"):
        choose(offer_of(*[{}] * 3), scores, BEFORE, 3)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-3, 3),
            st.sampled_from([Decimal(odd) for odd in ("0.5", "1", "1.5", "NaN")]),
            st.floats() | st.integers(-2, 2).map(float),
        ),
        max_size=12,
    ),
    st.integers(0, 5),
)
def test_any_slip_has_only_eligible_events_each_once_and_none_better_is_left_out(events, limit):
    offer = offer_of(*[{"begin_timestamp": OPEN + timedelta(hours=hours), "odd": odd} for hours, odd, _ in events])
    scores = np.array([score for *_, score in events], dtype=np.float64)
    chosen = choose(offer, scores, OPEN, limit)
    allowed = [n for n, (hours, odd, _) in enumerate(events) if hours > 0 and odd == Decimal("1.5")]
    assert len(chosen) == len(set(chosen)) == min(limit, len(allowed))
    assert set(chosen) <= set(allowed)
    left_out = [scores[n] for n in allowed if n not in chosen and not np.isnan(scores[n])]
    worst = min((-np.inf if np.isnan(scores[n]) else scores[n] for n in chosen), default=np.inf)
    assert all(score <= worst for score in left_out)


@pytest.mark.parametrize(
    ("catalogue", "kept"),
    [
        (Catalogue(), [True, True, True]),
        (Catalogue(sports=("TENNIS", "CURLING")), [True, False, True]),
        (Catalogue(event_countries=("SPAIN",)), [False, False, True]),
        (Catalogue(sports=("CURLING",)), [False, False, False]),
    ],
)
def test_events_outside_the_catalogue_are_not_eligible(catalogue, kept):
    offer = offer_of({"sport": "TENNIS"}, {}, {"sport": "TENNIS", "country": "SPAIN"})
    assert list(eligible(offer, BEFORE, options=Options(catalogue=catalogue))) == kept
