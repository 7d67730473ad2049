"""An event without an id is the same event when its begin changes, within the sport's window."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommendations.models import Event
from recommendations.storing import store_events
from recommendations.tests.factories import OPEN, at, event_row
from tenants.routing.connections import casino_atomic
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

pytestmark = pytest.mark.covered


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        yield


def fixture(hours=0.0, minutes=0, **fields):
    """An event without an id that begins `hours` after `OPEN`; its message is of `minutes`."""
    begin = OPEN + timedelta(hours=hours)
    times = {"begin_timestamp": begin, "end_timestamp": begin + timedelta(hours=2), "timestamp": at(minutes)}
    return event_row(**times | fields)


def begins():
    """Hours after `OPEN`, sorted."""
    return [
        hours_of(begin) for begin in Event.objects.order_by("begin_timestamp").values_list("begin_timestamp", flat=True)
    ]


def hours_of(begin):
    return (begin - OPEN).total_seconds() / 3_600


def odds():
    """The odds in the order of the begins."""
    return [float(odd or 0) for odd in Event.objects.order_by("begin_timestamp", "id").values_list("odd", flat=True)]


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize(
    ("sport", "moved_by", "stored"),
    [
        ("FOOTBALL", 1, [1]),
        ("FOOTBALL", -72, [-72]),
        ("FOOTBALL", 72.1, [0, 72.1]),
        ("BASKETBALL", 18, [18]),
        ("BASKETBALL", 48, [0, 48]),
        ("HANDBALL", 48, [48]),
        ("BASEBALL", 2, [2]),
        ("BASEBALL", 3.5, [0, 3.5]),
    ],
)
def test_a_begin_may_change_by_the_hours_of_the_sport(sport, moved_by, stored, in_one_batch):
    rows = [fixture(0, 0, sport=sport), fixture(moved_by, 1, sport=sport)]
    for batch in [rows] if in_one_batch else [rows[:1], rows[1:]]:
        store_events(batch)
    assert begins() == stored


@pytest.mark.parametrize(
    "other",
    [
        {"home_team": "CHELSEA", "away_team": "ARSENAL"},
        {"sport": "HANDBALL"},
        {"country": "GHANA"},
        {"league": "FA CUP"},
        {"category": "WOMEN"},
        {"id": 77},
    ],
)
@pytest.mark.parametrize("hours", [0, 1])
def test_another_fixture_is_another_event(other, hours):
    store_events([fixture()])
    store_events([fixture(hours, 1, **other), fixture(0, 2)])
    assert begins() == [0, hours]
    store_events([fixture(hours, 3, odd=9, **other)])
    assert sorted(odds()) == [2.5, 9]


def test_an_older_message_does_not_move_an_event_back():
    store_events([fixture(0, 0), fixture(5, 10)])
    store_events([fixture(0, 5), fixture(1, 9)])
    assert begins() == [5]
    store_events([fixture(3, 11), fixture(0, 4)])
    assert begins() == [3]


def test_an_older_message_of_the_same_batch_does_not_count_for_the_next_begin():
    store_events([fixture(0, 0), fixture(60, 10), fixture(0, 5), fixture(120, 11)])
    assert begins() == [120]


def test_the_natural_key_follows_the_begin():
    """A message that can't be read whole closes an event by this key."""
    store_events([fixture(0, 0)])
    store_events([fixture(5, 1)])
    assert Event.objects.get().natural_key == fixture(5).natural_key


def test_the_event_with_the_same_begin_is_taken_before_a_nearer_one_in_time(settings):
    settings.RESCHEDULE_HOURS = {}
    store_events([fixture(0), fixture(2.5)])
    settings.RESCHEDULE_HOURS = {"FOOTBALL": 72}
    store_events([fixture(2.5, 1, odd=3), fixture(0, 1, odd=4), fixture(1, 2, odd=5)])
    assert begins() == [1, 2.5]
    assert odds() == [5, 3]


def test_the_begin_that_an_event_had_before_can_be_that_of_another():
    for minutes, hours in enumerate((0, 60, 120)):
        store_events([fixture(hours, minutes)])
    assert begins() == [120]
    store_events([fixture(0, 9)])
    assert begins() == [0, 120]
    store_events([fixture(120, 10, odd=3), fixture(0, 10, odd=4)])
    assert odds() == [4, 3]


def test_an_event_of_another_country_may_have_the_natural_key_already():
    rows = [fixture(0, 0), fixture(0, 1, country="GHANA"), fixture(0, 2, country="WALES", category="U21")]
    for batch in (rows, rows[::-1]):
        store_events(batch)
    assert sorted(Event.objects.values_list("country", flat=True)) == ["ENGLAND", "GHANA", "WALES"]
    assert [outcome.result.value for outcome in store_events(rows)] == ["duplicate"] * 3


def test_the_same_call_again_changes_nothing():
    rows = [fixture(0, 0), fixture(5, 1), fixture(2, 2, home_team="LEEDS")]
    store_events(rows)
    store_events(rows)
    assert begins() == [2, 5]


def tournament(rng):
    """104 fixtures of 48 teams, and the same with 51 begins changed by up to two days."""
    pairs = {tuple(rng.sample(range(48), 2)) for _ in range(400)}
    first = [
        {"home_team": f"T{home}", "away_team": f"T{away}", "hours": rng.randrange(30 * 24)}
        for home, away in sorted(pairs)[:104]
    ]
    second = [dict(each) for each in first]
    for each in rng.sample(second, 51):
        each["hours"] += rng.choice([-48, -24, -3, -1, 1, 3, 24, 48])
    return first, second


@pytest.mark.parametrize("seed", range(3))
def test_a_tournament_in_two_versions_of_its_file_has_each_match_once(seed):
    first, second = tournament(random.Random(seed))
    store_events([fixture(minutes=0, league="WORLD CUP", country="WORLD", **each) for each in first])
    store_events([fixture(minutes=1, league="WORLD CUP", country="WORLD", **each) for each in second])
    stored = Event.objects.values_list("home_team", "away_team", "begin_timestamp")
    expected = {(each["home_team"], each["away_team"], each["hours"]) for each in second}
    assert len(stored) == 104
    assert {(home, away, hours_of(begin)) for home, away, begin in stored} == expected


MESSAGES = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["H1", "H2"]), st.integers(1, 4)), max_size=8)


@settings(max_examples=scaled(20, 40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MESSAGES)
@pytest.mark.slow
def test_messages_within_a_window_of_each_other_are_one_event_with_the_latest_begin(messages):
    latest: dict[str, int] = {}
    with casino_atomic():
        Event.objects.all().delete()
        for minutes, (hours, home_team, size) in enumerate(messages):
            latest[home_team] = hours
            rows = [fixture(hours, minutes, home_team=home_team), fixture(0, -minutes - 1, home_team=home_team)]
            store_events(rows[: 1 + size % 2])
        stored = dict(Event.objects.values_list("home_team", "begin_timestamp"))
        assert {name: hours_of(each) for name, each in stored.items()} == latest
        assert Event.objects.count() == len(latest)
