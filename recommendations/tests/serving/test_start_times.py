"""Events whose start time is to be confirmed begin, for the gate, with the first minute of their day."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.recommenders.base import NOBODY, soonest_first
from recommendations.recommenders.registry import RECOMMENDERS, get_recommender
from recommendations.serving.engine import CasinoContext, RecommendationRequest, UserContext, build_recommendation
from recommendations.serving.options import Options
from recommendations.serving.start_times import with_unknown_start_times
from recommendations.tests.factories import GuardedUser, offer_of

LONDON = "Europe/London"
ZONES = [LONDON, "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "America/St_Johns", "Asia/Beirut", "UTC"]
NOW = datetime(2026, 12, 19, 12, tzinfo=UTC)


def at(day, hour=0, zone=LONDON, minute=0):
    return datetime(2026, 12, day, hour, minute, tzinfo=ZoneInfo(zone))


def event(begin, **changes):
    return {"begin_timestamp": begin, "end_timestamp": begin + timedelta(hours=26), **changes}


def tbd(begin):
    return event(begin, start_time_tbd=True)


def begins_of(offer):
    return [datetime.fromtimestamp(each, UTC) for each in offer.begins.tolist()]


def recommended(offer, *, now=NOW, name="soonest", limit=3, **options):
    request = RecommendationRequest(1, get_recommender(name), now, Options(event_limit=limit, **options))
    user = UserContext(user_id=1, own_id=1, user=GuardedUser(), profile=NOBODY)
    answer = build_recommendation(request, user, CasinoContext(offer), UUID(int=1))
    return [each.event_id for each in answer.recommended_events], answer


def test_an_offer_of_known_start_times_is_itself():
    offer = offer_of(event(at(20, 15)), event(at(20)))
    assert with_unknown_start_times(offer, None) is offer
    assert offer.memo.nbytes == 0
    known = offer_of(event(at(20, 15)))
    assert with_unknown_start_times(known, LONDON) is known


def test_the_option_tells_that_midnight_is_no_start_time():
    offer = offer_of(event(at(20)), event(at(20, 0, "America/New_York")), event(at(20, 0, minute=15)))
    assert with_unknown_start_times(offer, LONDON).start_time_tbd.tolist() == [True, False, False]
    assert with_unknown_start_times(offer, "America/New_York").start_time_tbd.tolist() == [False, True, False]
    assert with_unknown_start_times(offer, None).start_time_tbd.tolist() == [False] * 3


def test_summer_time_moves_midnight():
    winter, summer = datetime(2026, 12, 20, tzinfo=UTC), datetime(2026, 7, 20, tzinfo=UTC)
    offer = offer_of(event(winter), event(summer), event(summer - timedelta(hours=1)))
    assert with_unknown_start_times(offer, LONDON).start_time_tbd.tolist() == [True, False, True]


def test_a_begin_to_be_confirmed_is_the_first_minute_of_its_day():
    offer = offer_of(tbd(at(20, 15)), event(at(20, 15)), tbd(at(20, 23, "America/New_York")))
    assert begins_of(with_unknown_start_times(offer, None)) == [
        datetime(2026, 12, 20, tzinfo=UTC),
        datetime(2026, 12, 20, 15, tzinfo=UTC),
        datetime(2026, 12, 21, tzinfo=UTC),
    ]
    assert begins_of(with_unknown_start_times(offer, "America/New_York")) == [
        datetime(2026, 12, 20, 5, tzinfo=UTC),
        datetime(2026, 12, 20, 15, tzinfo=UTC),
        datetime(2026, 12, 20, 5, tzinfo=UTC),
    ]


@given(st.lists(st.integers(0, 4_000_000), min_size=1, max_size=20), st.sampled_from(ZONES))
def test_each_local_midnight_is_found_and_nothing_else(quarters, zone):
    moments = [datetime.fromtimestamp(900.0 * each, UTC) for each in quarters]
    offer = with_unknown_start_times(offer_of(*map(event, moments)), zone)
    local = [each.astimezone(ZoneInfo(zone)) for each in moments]
    assert offer.start_time_tbd.tolist() == [(each.hour, each.minute) == (0, 0) for each in local]


@pytest.mark.parametrize("name", RECOMMENDERS)
@pytest.mark.parametrize("live_events", [False, True])
def test_on_its_day_it_is_in_no_slip(name, live_events):
    offer = offer_of(tbd(at(20, 15)), event(at(20)))
    options = {"name": name, "live_events": live_events, "unknown_start_time_zone": LONDON}
    assert sorted(recommended(offer, now=at(19, 23, minute=59), **options)[0]) == [1, 2]
    for hour in (0, 1, 14):
        assert recommended(offer, now=at(20, hour), **options)[0] == []


def test_soonest_prefers_each_event_with_a_known_start_time():
    offer = offer_of(tbd(at(20, 12)), event(at(20)), event(at(25, 15)), event(at(24, 15)))
    assert recommended(offer, limit=2, unknown_start_time_zone=LONDON)[0] == [4, 3]
    shown, answer = recommended(offer, limit=4, unknown_start_time_zone=LONDON)
    assert (shown[:2], sorted(shown[2:])) == ([4, 3], [1, 2])
    assert answer.expires_at == at(20)


def test_among_equal_scores_an_event_with_a_known_start_time_is_first():
    scores = soonest_first(offer_of(tbd(at(20)), event(at(25))))
    assert np.argmax(scores) == 1


def test_staff_read_why_the_begin_is_missing():
    request = RecommendationRequest(1, get_recommender("soonest"), NOW, needs_reasons=True)
    user = UserContext(user_id=1, own_id=1, user=GuardedUser(), profile=NOBODY)
    answer = build_recommendation(request, user, CasinoContext(offer_of(tbd(at(20)))), UUID(int=1))
    assert answer.recommended_events[0].reasons == ("Its start time is to be confirmed",)
