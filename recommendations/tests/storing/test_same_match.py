"""Two events with different ids that are one match: a slip has it once, and a bet on one is a bet on the other."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recommendations.models import Event
from recommendations.offer import read_offer
from recommendations.serving import slip
from recommendations.serving.options import Options, Selectors
from recommendations.serving.request_filters import RequestFilters
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.factories import OPEN, at, coupon_row, event_row, removal, selection_row, user_row
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

NOW = datetime(2050, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, casino_b, fresh_ids):
    with use_casino(casino_b.current):
        store_events([event(1), event(3)])
    with use_casino(casino_a.current):
        store_users([user_row(id=1, timestamp=NOW)])
        yield


def event(event_id, minutes=0, **fields):
    begin = OPEN + timedelta(minutes=minutes)
    return event_row(**{"id": event_id, "begin_timestamp": begin, "end_timestamp": begin + timedelta(hours=2)} | fields)


def links():
    return dict(Event.objects.exclude(same_match_ids=None).values_list("id", "same_match_ids"))


def shown(casino, **request):
    found = recommend(casino_id=casino.pk, recommender_type="soonest", user_id=1, now=NOW, **request)
    return [event.event_id for event in found.recommended_events]


def bet(**fields):
    store_coupons([coupon_row(user_id=1, timestamp=NOW, recommended_events=(selection_row(**fields),))])


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ({}, True),
        ({"minutes": 5}, True),
        ({"minutes": -119}, True),
        ({"league": "PREM. LEAGUE"}, True),
        ({"category": "WOMEN"}, True),
        ({"status": "CANCELLED"}, True),
        ({"minutes": 120}, False),
        ({"minutes": -200}, False),
        ({"home_team": "CHELSEA", "away_team": "ARSENAL"}, False),
        ({"home_team": "ARSENAL U21"}, False),
        ({"country": "EUROPE"}, False),
        ({"sport": "HANDBALL"}, False),
    ],
)
def test_events_are_one_match_by_sport_country_teams_and_about_the_same_begin(other, is_same, in_one_batch):
    rows = [event(1), event(2, **other)]
    for batch in [rows] if in_one_batch else [rows[1:], rows[:1]]:
        store_events(batch)
    assert links() == ({1: [2], 2: [1]} if is_same else {})


def test_events_of_two_categories_are_two_matches():
    store_events([event(1, category="WOMEN"), event(2, category="U21"), event(3)])
    assert links() == {1: [3], 2: [3], 3: [1, 2]}


def test_links_follow_the_events():
    store_events([event(1), event(2), event(3, minutes=300)])
    assert links() == {1: [2], 2: [1]}
    store_events([event(2, minutes=300)])
    assert links() == {2: [3], 3: [2]}
    store_events([event(3, home_team="LEEDS")])
    assert links() == {}


def test_an_event_without_an_id_is_linked_too():
    store_events([event(1), event(None, minutes=3, league="OTHER FEED")])
    [(first, [other])] = [item for item in links().items() if item[0] == 1]
    assert links() == {first: [other], other: [first]}


@pytest.mark.parametrize("selection", [{"event_id": 1}, {"event_id": 2}, {}, {"league": "ANY"}])
@pytest.mark.parametrize("status", [None, "SUSPENDED"])
def test_a_bet_on_one_is_a_bet_on_the_other(casino_a, selection, status):
    store_events([event(1, minutes=1), event(2, league="OTHER FEED"), event(3, home_team="H", away_team="A")])
    assert shown(casino_a) == [2, 3]
    store_events([event(selection.get("event_id", 1), minutes=1, status=status)])
    bet(**selection)
    assert shown(casino_a) == [3]


def test_a_bet_on_the_first_match_of_a_doubleheader_leaves_the_second(casino_a):
    store_events([event(1), event(2, minutes=200), event(3, home_team="CHELSEA", away_team="ARSENAL")])
    bet(event_id=1)
    assert shown(casino_a) == [3]
    bet(event_id=3)
    assert shown(casino_a) == [2]


def test_a_request_that_excludes_one_excludes_the_other(casino_a):
    store_events([event(1), event(2), event(3, home_team="H", away_team="A")])
    assert shown(casino_a, filters=RequestFilters(None, frozenset({1}), frozenset())) == [3]


def test_a_block_of_one_blocks_the_other(casino_a):
    store_events([event(1), event(2), event(3, home_team="H", away_team="A")])
    assert shown(casino_a, options=Options(blocked=Selectors(events=(2,)))) == [3]


def test_the_offer_follows_the_links(casino_a):
    store_events([event(1), event(2), event(3, minutes=300)])
    assert dict(read_offer(NOW).same_matches) == {1: {2}, 2: {1}}
    store_events([event(2, minutes=300)])
    assert dict(read_offer(NOW).same_matches) == {2: {3}, 3: {2}}
    store_events([removal(2, 10**7)])
    assert read_offer(NOW).all_ids(1) == {1}
    assert slip.choose(read_offer(NOW), np.zeros(2), slip.Rules(NOW.timestamp(), 3)) == [0]


def test_an_odd_leaves_the_links_and_the_offer_reads_them_again():
    store_events([event(1, timestamp=at(0)), event(2)])
    store_events([event(1, timestamp=at(1), odd=9)])
    assert links() == {1: [2], 2: [1]}
    assert dict(read_offer(NOW).same_matches) == {1: {2}, 2: {1}}


def test_an_event_is_linked_to_twenty_others_at_most():
    store_events([event(number) for number in range(1, 31)])
    assert {len(others) for others in links().values()} == {20}
    assert len(links()) == 30
