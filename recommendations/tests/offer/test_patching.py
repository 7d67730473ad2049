"""Patching a snapshot into the next one."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.offer import ATTRIBUTES, TEXTS, build_offer
from recommendations.tests.factories import OPEN, league, offer_of, rows_of
from tenants.tests.exhaustive import scaled

pytestmark = pytest.mark.covered

ALL_COLUMNS = {"ids", "begins", "ends", "odds", *ATTRIBUTES, "start_time_tbd"}

rows = st.tuples(
    st.integers(1, 8),
    st.sampled_from([OPEN, OPEN + timedelta(hours=1)]),
    st.sampled_from([OPEN + timedelta(hours=2), OPEN + timedelta(hours=3)]),
    st.sampled_from([1.5, 2.0, 900.125]),
    *[st.sampled_from("ABC") for _ in TEXTS],
)
tables = st.lists(rows, max_size=8).map(lambda found: {row[0]: row for row in found})


def offer_with(table, version=1):
    return build_offer(version, [table[event_id] for event_id in sorted(table)])


def shared(first, second):
    return {name for name in ALL_COLUMNS if getattr(first, name) is getattr(second, name)}


@pytest.mark.scaled
@settings(max_examples=scaled(50, 100))
@given(tables, st.lists(st.tuples(tables, st.sets(st.integers(0, 9))), max_size=4))
def test_any_patches_result_in_the_snapshot_of_the_final_events(table, patches):
    offer = offer_with(table)
    for version, (changed, gone) in enumerate(patches, start=2):
        before, former = rows_of(offer), offer
        offer = offer.patched(version, offer_with(changed), gone - set(changed))
        table = {key: row for key, row in table.items() if key not in gone} | changed
        expected = offer_with(table, version)
        assert (offer.version, rows_of(offer)) == (version, rows_of(expected))
        assert sorted(offer.league.present()) == sorted(expected.league.present())
        assert rows_of(former) == before
        for attribute in ATTRIBUTES:
            for value in {*getattr(expected, attribute).present(), "UNKNOWN"}:
                own, theirs = (getattr(each, attribute).equals(value) for each in (offer, expected))
                assert np.array_equal(own, theirs)


def test_where_only_odds_changed_only_odds_are_copied():
    offer = offer_of({}, {}, {})
    row = offer_of({"odd": 1.25}, {}).keep(np.array([True, False]))
    patched = offer.patched(2, row)
    assert shared(offer, patched) == ALL_COLUMNS - {"odds"}
    assert (list(patched.odds), list(offer.odds)) == ([1.25, 2.5, 2.5], [2.5, 2.5, 2.5])


def test_where_a_league_changed_its_column_is_copied():
    offer = offer_of({}, {})
    patched = offer.patched(2, offer_of({"league": "NEW"}))
    assert shared(offer, patched) == ALL_COLUMNS - {"league"}
    assert list(offer.league.values) == [league()]
    assert sorted(patched.league.present()) == [league("NEW"), league()]


def test_repeated_rows_copy_nothing():
    offer = offer_of({}, {"odd": float("nan")})
    assert shared(offer, offer.patched(2, offer_of({}, {"odd": float("nan")}), [7])) == ALL_COLUMNS


def test_dictionaries_are_shared_until_a_value_is_new():
    offer = offer_of({"league": "A"}, {"league": "B"})
    swapped = offer.patched(2, offer_of({"league": "B"}, {"league": "A"}))
    assert swapped.league.dictionary is offer.league.dictionary
    assert [swapped.league[place] for place in (0, 1)] == [league("B"), league("A")]


@pytest.mark.parametrize(("over", "is_trimmed"), [(0, False), (2, False), (3, True), (20, True)])
def test_many_events_that_are_over_are_trimmed(over, is_trimmed):
    ends = [OPEN + timedelta(hours=1 if n < over else 9) for n in range(20)]
    offer = offer_of(*[{"end_timestamp": end, "league": f"L{end.hour}"} for end in ends])
    trimmed = offer.trimmed(OPEN + timedelta(hours=1))
    assert (trimmed is not offer) == is_trimmed
    assert rows_of(trimmed) == rows_of(offer)[over if is_trimmed else 0 :]
    if is_trimmed and over < 20:
        assert list(trimmed.league.values) == [league("L3")]


def test_many_values_of_no_event_are_trimmed():
    now, rng = datetime.now(UTC), random.Random(3)
    offer = offer_of({}, {}, {})
    for version in range(2, 60):
        changes = [{"league": f"L{rng.random()}"}, {}, {"home_team": f"H{rng.random()}"}]
        offer = offer.patched(version, offer_of(*changes)).trimmed(now)
        assert [offer.league.name(0), offer.home_team.name(2)] == [changes[0]["league"], changes[2]["home_team"]]
        assert all(len(getattr(offer, name).values) <= 6 for name in ATTRIBUTES)
