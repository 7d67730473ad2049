"""A user's tallies equal a plain Python reference, in any order of coupons."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.errors import UnknownTalliesFormat
from recommendations.tallies.outcome_bets import weights_of_bets
from recommendations.tallies.packed_tallies import MAX_BYTES, TALLIED
from recommendations.tallies.selections import BAND_BOUNDS, TallyCoupon, TallySelection, weight_at
from recommendations.tallies.user_tallies import MAX_VALUES, RECENT_SELECTIONS, Tallies
from recommendations.tests.factories import at, league, selection, team
from recommendations.tests.tallies_reference import assert_tallies_match_coupons
from recommendations.validation.identity import is_held

DAY = 86_400
BETS = st.fixed_dictionaries(
    {},
    optional={
        "market": st.sampled_from(["1X2", "TOTALS", ""]),
        "line": st.sampled_from(["", "2.5", "-1.5", "219.5", "222"]),
        "outcome": st.sampled_from(["HOME", "OVER", "2.5", ""]),
    },
)
SELECTIONS = st.builds(
    lambda event_id, sport, league, odd, bet: selection(event_id=event_id, sport=sport, league=league, odd=odd) | bet,
    st.none() | st.integers(1, 2**63 - 1),
    st.sampled_from(["FOOTBALL", "HANDBALL"]),
    st.sampled_from("ABCDE"),
    st.integers(1_001, 12_000).map(lambda thousandths: thousandths / 1000) | st.just(999_999.999) | st.none(),
    st.just({}) | BETS,
)
COUPONS = st.builds(
    lambda timestamp, cents, selections: SimpleNamespace(
        timestamp=timestamp, stake=Decimal(cents) / 100, recommended_events=selections
    ),
    st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2099-12-31"), timezones=st.just(UTC))
    | st.just(at(0)),
    st.integers(0, 10**14 - 1),
    st.lists(SELECTIONS, max_size=40),
)


def add(tallies, coupon):
    selections = [msgspec.convert(each, TallySelection) for each in coupon.recommended_events]
    tallies.add(TallyCoupon(coupon.pk, coupon.timestamp.timestamp(), float(coupon.stake), selections))


def tallies_of_days(*leagues_by_day, event_id=None):
    """The tallies of one coupon a day, with one selection in each of that day's leagues."""
    tallies = Tallies()
    for day, leagues in enumerate(leagues_by_day):
        selections = [selection(league=league, event_id=event_id) for league in leagues]
        add(tallies, coupon(day, day * DAY, selections))
    return tallies


def band_of(odd):
    tallies = Tallies()
    add(tallies, coupon(1, 0, [selection(odd=odd)]))
    [band] = tallies.counts["odds_band"]
    return band


def coupon(key, seconds, selections, stake="10"):
    timestamp = at(0) + timedelta(seconds=seconds)
    return SimpleNamespace(pk=key, timestamp=timestamp, stake=Decimal(stake), recommended_events=selections)


@pytest.mark.covered
@settings(deadline=None)
@given(st.lists(COUPONS, max_size=30), st.randoms(use_true_random=False))
def test_coupons_in_any_order_with_encoding_in_between_give_the_reference_tallies(coupons, rng):
    for key, each in enumerate(coupons, start=1):
        each.pk = key
    rng.shuffle(coupons)
    tallies = Tallies()
    for each in coupons:
        add(tallies, each)
        if rng.random() < 0.3:
            tallies = Tallies(tallies.encode())
    assert_tallies_match_coupons(tallies, coupons)
    assert_tallies_match_coupons(Tallies(tallies.encode()), coupons)


@pytest.mark.covered
@pytest.mark.parametrize("seed", range(5))
def test_many_small_coupons_in_any_order_give_the_reference_tallies(seed):
    rng = random.Random(seed)
    coupons = [
        coupon(key, rng.randrange(400), [selection(league=rng.choice("ABC"))] * rng.randint(0, 3), stake=key)
        for key in range(1, 400)
    ]
    tallies = Tallies()
    for each in rng.sample(coupons, len(coupons)):
        add(tallies, each)
    assert_tallies_match_coupons(tallies, coupons)


def test_a_user_without_coupons_has_empty_tallies():
    tallies = Tallies()
    assert (tallies.recent, tallies.stakes, tallies.older_events) == ([], [], set())
    assert tallies.summarise().usual_stake(calm_until=0) is None
    assert tallies.top("league", 2) == ()
    assert Tallies(tallies.encode()).weights_at(0.0)["odds_band"] == {}


def test_weights_halve_in_thirty_days():
    tallies = tallies_of_days(["OLD"], *[[]] * 29, ["NEW"])
    assert tallies.weights_at(at(0).timestamp() + 30 * DAY)["league"] == pytest.approx(
        {league("OLD"): 0.5, league("NEW"): 1.0}
    )


@pytest.mark.parametrize("year", [2000, 2100])
def test_weights_of_all_valid_times_fit_a_float(year):
    then = datetime(year, 1, 1, tzinfo=UTC).timestamp()
    assert weight_at(then) * 1e6 * (1.0 / weight_at(then)) == pytest.approx(1e6)


def test_a_bound_belongs_to_the_band_above_it():
    assert [band_of(bound) for bound in BAND_BOUNDS] == [str(band) for band in range(1, 11)]
    assert (band_of(1.19), band_of(1000.0)) == ("0", "10")


def test_top_values_are_sorted_by_count_and_then_alphabetically():
    assert tallies_of_days("BA", "CB", "A").top("league", 2) == (league("A"), league("B"))


def test_a_time_range_excludes_its_begin_and_includes_its_end():
    tallies, begin = tallies_of_days("A", "B", "CC", "D"), at(0).timestamp()
    assert tallies.leagues_within(begin, begin + 2 * DAY) == {league("B"): 1, league("C"): 2}
    assert not tallies.leagues_within(begin + 3 * DAY, begin + 9 * DAY)


def test_the_usual_stake_counts_those_after_a_time_only_if_they_lower_it():
    tallies = Tallies()
    for day, stake in enumerate(("1.00", "2.00", "9.99")):
        add(tallies, coupon(day, day * DAY, [], stake))
    begin = at(0).timestamp()
    assert tallies.summarise().usual_stake(calm_until=begin + 3 * DAY) == Decimal("2.00")
    assert tallies.summarise().usual_stake(calm_until=begin + 2 * DAY) == Decimal("1.50")
    assert tallies.summarise().usual_stake(calm_until=begin) == Decimal("2.00")
    assert tallies.summarise().usual_stake(calm_until=begin + 2 * DAY, since=begin + DAY) == Decimal("2.00")
    assert tallies.summarise().usual_stake(calm_until=begin + 3 * DAY, since=begin + 3 * DAY) is None


def test_free_bets_are_no_usual_stake():
    tallies = Tallies()
    for day, stake in enumerate(("0.00", "4.00", "0.00", "6.00", "0.00")):
        add(tallies, coupon(day, day * DAY, [], stake))
    later = at(0).timestamp() + 9 * DAY
    assert tallies.summarise().usual_stake(calm_until=later) == Decimal("5.00")
    assert tallies.summarise().usual_stake(calm_until=later, since=at(0).timestamp() + 4 * DAY) is None


def test_a_void_selection_counts_without_an_odds_band():
    tallies = Tallies()
    add(tallies, coupon(1, 0, [selection(odd=None), selection(odd=1.1)]))
    assert (tallies.counts["league"], tallies.counts["odds_band"]) == ({league(): 2}, {"0": 1})
    assert tallies.weights_at(at(0).timestamp())["odds_band"] == {"0": pytest.approx(1)}
    assert [each.odd for each in tallies.recent] == [None, 1.1]


def test_events_whose_selections_were_not_read_are_held_until_they_are_forgotten():
    tallies = Tallies()
    tallies.add(TallyCoupon(1, at(0).timestamp(), 10.0, [], [7, 8]))
    tallies = Tallies(tallies.encode())
    assert tallies.events_bet_on()[0] == {7, 8}
    tallies.forget_events({8})
    assert tallies.events_bet_on()[0] == {7}


def test_events_of_older_selections_are_stored_until_they_are_forgotten():
    tallies = tallies_of_days("A" * 2, *["B"] * RECENT_SELECTIONS)
    add(tallies, coupon(-1, -1, [selection(event_id=7)]))
    match = (team("ARSENAL"), team("CHELSEA"))
    assert (tallies.older_events, tallies.older_event_count) == ({match, 7}, 2)
    tallies.forget_events({7, 8, (team("ARSENAL"), team("LEEDS"))})
    assert Tallies(tallies.encode()).older_events == {match}
    tallies.forget_events({match})
    assert tallies.older_events == set()


OVER = {"market": "TOTALS", "line": "2.5", "outcome": "OVER"}


def test_many_coupons_with_and_without_outcomes_in_any_order_give_the_reference_tallies():
    rng = random.Random(3)
    bets = [{}, OVER, OVER | {"line": "219.5"}, {"market": "1X2", "outcome": "HOME"}]
    coupons = [
        coupon(key, rng.randrange(400), [selection(**rng.choice(bets)) for _ in range(rng.randint(0, 3))])
        for key in range(1, 400)
    ]
    tallies = Tallies()
    for each in rng.sample(coupons, len(coupons)):
        add(tallies, each)
    assert_tallies_match_coupons(tallies, coupons)
    tallies.require_consistent()


def test_tallies_without_outcomes_are_written_in_the_format_of_the_release_before():
    tallies = tallies_of_days("AB", "C")
    *before, bets = msgspec.msgpack.decode(tallies.encode(), strict=False)
    assert (before[0], bets, tallies.bets_at(0.0)) == (2, {}, [])


def test_earlier_releases_refuse_tallies_with_outcomes_and_so_count_them_from_the_coupons():
    tallies = tallies_of_days("AB", "C")
    add(tallies, coupon(9, 9 * DAY, [selection(), selection(**OVER)]))
    assert tallies.encode()[:2] == b"\x98\x03"
    assert [each.market for each in Tallies(tallies.encode()).recent] == ["", "", "", "", "TOTALS"]


def test_outcomes_are_forgotten_with_the_last_recent_selection_that_names_one():
    tallies = Tallies()
    add(tallies, coupon(1, 0, [selection(**OVER), selection()]))
    for key in range(2, RECENT_SELECTIONS + 1):
        add(tallies, coupon(key, key, [selection()]))
    assert tallies.encode()[1] == 2
    tallies.require_consistent()


def test_a_user_of_ever_new_names_keeps_the_recent_outcomes():
    tallies = Tallies()
    for key in range(60):
        new = [selection(league=f"L{key}.{n}", home_team=f"H{key}.{n}") | OVER | {"line": f"{n}.5"} for n in range(50)]
        add(tallies, coupon(key, key, new))
        tallies = Tallies(tallies.encode_bounded())
    tallies.require_consistent()
    assert [each.line for each in tallies.recent[-3:]] == ["50", "50", "50"]
    assert weights_of_bets(tallies.bets_at(at(0).timestamp()))["market"] == {
        "FOOTBALL\x1fTOTALS": pytest.approx(300, rel=1e-3)
    }


def packed_names(coupons, older=(), events=()):
    """Tallies as earlier releases packed them, with names instead of keys."""
    words = ["FOOTBALL", "PREMIER LEAGUE", "ENGLAND", "ARSENAL", "CHELSEA"]
    sums = [{number: (1, 1.0)} for number in older]
    return msgspec.msgpack.encode([1, words, coupons, sums + [{}] * (len(TALLIED) - len(sums)), [*events], []])


def test_tallies_of_names_are_read_where_they_tell_the_country():
    seconds = at(0).timestamp()
    numbers = [7, 0, 1, 2, 3, 4, 2_500, 0, 0, 1, 2, 4, 3, 1_100]
    tallies = Tallies(packed_names([[seconds, 1, 1_000, numbers]], events=[9]))
    selections = [selection(event_id=7), selection(home_team="CHELSEA", away_team="ARSENAL", odd=1.1)]
    assert tallies.older_events == {9}
    tallies.forget_events({9})
    assert_tallies_match_coupons(tallies, [coupon(1, 0, selections)])
    tallies.require_consistent()
    assert Tallies(tallies.encode()).counts == tallies.counts


@pytest.mark.parametrize("older", [[1], [0, 1, 2]])
def test_tallies_of_names_with_sums_of_older_selections_are_counted_again(older):
    with pytest.raises(UnknownTalliesFormat, match="rebuild_profiles"):
        Tallies(packed_names([], older))


@pytest.mark.parametrize("numbers", [[1, 2, 3], [0, 0, 1, 2, 3, 9, 2_500]])
def test_contradicting_tallies_of_names_are_counted_again(numbers):
    with pytest.raises(UnknownTalliesFormat, match="rebuild_profiles"):
        Tallies(packed_names([[1e9, 1, 1_000, numbers]]))


def test_teams_of_one_name_in_two_countries_categories_and_sports_are_counted_apart():
    others = [{}, {"country": "URUGUAY"}, {"category": "WOMEN"}, {"sport": "HANDBALL"}, {}]
    tallies = Tallies()
    add(tallies, coupon(1, 0, [selection(home_team="LIVERPOOL", **other) for other in others]))
    expected = {team("LIVERPOOL"): 2} | {team("LIVERPOOL", **other): 1 for other in others[1:4]}
    assert tallies.counts["home_team"] == expected
    assert tallies.counts["league"] == {league(): 3, league(country="URUGUAY"): 1, league(sport="HANDBALL"): 1}


@pytest.mark.parametrize(("bet", "held"), [("", ["", "WOMEN", "U21"]), ("WOMEN", ["", "WOMEN"]), ("U21", ["", "U21"])])
def test_a_bet_holds_the_match_in_its_category_and_where_one_of_both_is_unknown(bet, held):
    tallies = Tallies()
    add(tallies, coupon(1, 0, [selection(category=bet)]))
    matches = {each: (team("ARSENAL", category=each), team("CHELSEA", category=each)) for each in ("", "WOMEN", "U21")}
    keys = tallies.events_bet_on()[1]
    assert [category for category, match in matches.items() if is_held(match, keys)] == held
    assert not is_held((matches[bet][1], matches[bet][0]), keys)


def packed_with(**changes):
    fields = {"words": ["A"] * 5, "coupons": [], "older": [{}] * len(TALLIED), "events": [], "matches": [],
              "has_unknown": False} | changes  # fmt: skip
    return msgspec.msgpack.encode([3 if "bets" in changes else 2, *fields.values()])


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\x91" * 100_000,
        b"\x96\x02" + b"\x91" * 100_000,
        msgspec.msgpack.encode([4, [], [], [], [], []]),
        packed_with(older=[{}]),
        packed_with(coupons=[[float("nan"), 1, 1, []]]),
        packed_with(coupons=[[float("inf"), 1, 1, []]]),
        packed_with(older=[{0: (1, float("inf"))}] + [{}] * 5),
        packed_with()[:-1],
    ],
)
def test_tallies_of_an_unknown_format_are_rejected(packed):
    with pytest.raises(UnknownTalliesFormat, match="rebuild_profiles"):
        Tallies(packed)


@pytest.mark.parametrize(
    "changes",
    [
        {"coupons": [[1e9, 1, 1, [1, 2, 3]]]},
        {"coupons": [[1e9, 1, 1, [0, 0, 0, 0, 9, 0, 2_000]]]},
        {"coupons": [[1e9, 1, 1, [0, 0, 0, 0, -9, 0, 2_000]]]},
        {"older": [{9: (1, 1.0)}, *[{}] * 5]},
        {"matches": [[0, 9]]},
        {"bets": {1: [1, 1, 1]}},
        {"coupons": [[1e9, 1, 1, [0, 0, 0, 0, 0, 0, 2_000]]], "bets": {1: [1, 1]}},
        {"coupons": [[1e9, 1, 1, [0, 0, 0, 0, 0, 0, 2_000]]], "bets": {1: [1, 6, 1]}},
        {"words": [], "coupons": [[1e9, 1, 1, [5, 0, 0, 0, 0, 0, 2_000]]]},
        {"words": [], "older": [{0: (1, 1.0)}, *[{}] * 5]},
        {"coupons": [[1e9, 1, 1, [0, 0, 0, 0, 0, 0, 2_000] * n] for n in (1, 2)], "bets": {1: [1, 1, 1] * 2}},
    ],
)
def test_contradicting_tallies_are_rejected_before_they_are_merged(changes):
    Tallies(packed_with()).require_consistent()
    with pytest.raises(UnknownTalliesFormat, match="rebuild_profiles"):
        Tallies(packed_with(**changes)).require_consistent()


def test_bets_of_one_coupon_never_count_as_those_of_the_next():
    coupons = [[1e9 + key, key, 1, [0, 0, 0, 0, 0, 0, 2_000] * 2] for key in (1, 2)]
    of_bets = {1: [1, 1, 1], 2: [1, 1, 1] * 3}  # as many as selections, in sum
    with pytest.raises(ValueError, match="3 numbers of bets do not match 14 numbers"):
        Tallies(packed_with(coupons=coupons, bets=of_bets)).bets_at(1e9)


def test_thirty_coupons_of_three_selections_encode_to_under_3500_bytes():
    rng, tallies = random.Random(1), Tallies()
    teams = [f"TEAM {n}" for n in range(40)]
    for key in range(30):
        selections = []
        for _ in range(3):
            home, away = rng.sample(teams, 2)
            selections.append(selection(event_id=rng.randrange(10**6), home_team=home, away_team=away, odd=1.85))
        add(tallies, coupon(10**9 + key, key * 40_000, selections))
    assert len(tallies.encode()) < 3_500


@pytest.mark.covered
@pytest.mark.slow
def test_a_user_of_ever_new_names_has_tallies_of_bounded_size():
    tallies = Tallies()
    for key in range(100):
        new = [selection(league=f"L{key}.{n}", home_team=f"H{key}.{n}", away_team=f"A{key}.{n}") for n in range(50)]
        add(tallies, coupon(key, key, new))
        tallies = Tallies(tallies.encode_bounded())
    tallies.require_consistent()
    assert max(len(counts) for counts in tallies.counts.values()) <= MAX_VALUES + RECENT_SELECTIONS
    assert len(tallies.encode()) < 500_000
    assert tallies.recent[-1].home_team == team("H99.49")
    assert tallies.recent[0].home_team == team("H94.0")


def test_habits_old_and_new_stay_among_many_new_names():
    tallies = Tallies()
    add(tallies, coupon(0, 0, [selection(league="OLD HABIT")] * 9))
    for key in range(1, 60):
        add(tallies, coupon(key, key * 10 * DAY, [selection(league=f"L{key}.{n}") for n in range(50)]))
        tallies = Tallies(tallies.encode_bounded())
    assert tallies.top("league", 1) == (league("OLD HABIT"),)
    assert league("L40.7") in tallies.counts["league"]
    assert league("L2.7") not in tallies.counts["league"]


def test_names_of_any_length_keep_tallies_below_the_size_that_is_read():
    tallies = Tallies()
    for key in range(60):
        add(tallies, coupon(key, key, [selection(league=f"{key}.{n}" + "X" * 3_000) for n in range(50)]))
    assert len(tallies.encode_bounded()) <= MAX_BYTES
    Tallies(tallies.encode()).require_consistent()


def usual(*stakes):
    coupons = [TallyCoupon(number, float(number), float(stake), []) for number, stake in enumerate(stakes, start=1)]
    tallies = Tallies()
    tallies.add(*coupons)
    return Tallies(tallies.encode()).summarise().usual_stake(calm_until=100.0)


@pytest.mark.parametrize(
    ("stakes", "median"),
    [
        (["0.00012345"], "0.00012345"), (["0.00000001"], "0.00000001"), (["1.255", "1.254"], "1.2545"),
        (["0.00000001", "0.00000002"], "0.000000015"), (["0.1", "0.2"], "0.15"), (["1.1", "1.2"], "1.15"),
        (["999999999999.99"], "999999999999.99"), (["5", "0.00012345", "10.50"], "5"), (["20999999.97690001"],) * 2,
    ],
)  # fmt: skip
def test_stakes_of_eight_decimals_are_exact(stakes, median):
    expected = stakes[0] if isinstance(median, list) else median
    assert usual(*stakes) == Decimal(expected)


def test_stakes_in_hundredths_are_stored_as_by_the_release_before():
    tallies = Tallies()
    tallies.add(TallyCoupon(1, 1.0, 25.51, []))
    assert msgspec.msgpack.decode(tallies.encode())[2] == [[1.0, 1, 2551, []]]
