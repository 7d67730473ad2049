"""Which events of past slips their users bet on within a day."""

from math import inf

from recommendations.replay.history import DAY, PastCoupon
from recommendations.replay.shown_slips import ShownSlip, ShownSlips


def first_hits(*coupons, until=10 * DAY):
    """Of slips of events 5, 6 and 7, shown to user 1 at 0 and after half a day."""
    slips = ShownSlips()
    for timestamp in (0.0, DAY / 2):
        slips.move_to(timestamp)
        slips.show(1, ShownSlip(timestamp, 2, [5, 6, 7], [0.1, 0.2, 0.3], None, events=3))
    for user_id, timestamp, place in coupons:
        slips.move_to(timestamp)
        slips.add(PastCoupon(user_id, timestamp, (3, place)))
    slips.move_to(until)
    return [each.first_hit for each in slips.over]


def test_the_first_event_that_the_user_bets_on_within_a_day_counts():
    assert first_hits((1, DAY * 0.7, 7), (1, DAY * 0.8, 6)) == [2, 2]
    assert first_hits((1, DAY, 7), (1, DAY * 1.1, 6), (1, DAY * 1.6, 5)) == [3, 2]


def test_bets_of_others_on_other_events_and_after_a_day_do_not_count():
    assert first_hits((2, DAY * 0.7, 5), (1, DAY * 0.7, 4), (1, DAY * 1.6, 5)) == [inf, inf]


def test_a_slip_whose_day_is_not_over_tells_nothing_yet():
    assert first_hits((1, DAY * 0.7, 5), until=DAY * 1.2) == [1]
