"""Whatever the order of messages, steps of the job and erasures, the result is that of one pass at the end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from recommendations.attribution.job import attribute_step, sum_due_days
from recommendations.models import (
    Attribution,
    DueAttribution,
    ErasedUser,
    PurchasedCoupon,
    RemovedRow,
    ServedSlip,
    User,
    UserDay,
)
from recommendations.storing import store_coupons, store_recommendations
from recommendations.storing.erasure import erase_user
from recommendations.tests.factories import UserFactory, coupon_row, selection_row, served_row
from recommendations.validation.rows import Removal, ServedEventRow
from tenants.routing.context import use_casino

from .reference import expected_attributions, expected_user_days

pytestmark = [pytest.mark.slow, pytest.mark.covered]

BEGIN = datetime(2026, 11, 2, tzinfo=UTC)
NOW = BEGIN + timedelta(days=5)
WINDOW = timedelta(hours=24)
USERS, EVENTS = (1, 2), range(1, 5)
OUTCOME = {"market": "TOTALS", "line": "2.5", "outcome": "OVER"}
OTHER_OUTCOME = OUTCOME | {"outcome": "UNDER"}

MINUTES = st.integers(0, 40).map(lambda hours: 60 * hours)  # the same time twice is likely
NAMES = st.sampled_from([{}, OUTCOME, OTHER_OUTCOME])
PARTS = st.lists(st.tuples(st.sampled_from(EVENTS), NAMES), max_size=3, unique_by=lambda part: part[0])
ANSWERS = st.lists(
    st.tuples(st.sampled_from(USERS), MINUTES, PARTS, st.sampled_from(["home", ""]), st.booleans()),
    min_size=8, max_size=12,
)  # fmt: skip
COUPONS = st.lists(
    st.tuples(st.sampled_from(USERS), MINUTES, PARTS.filter(bool), st.none() | st.integers(0, 12)),
    min_size=8, max_size=12,
)  # fmt: skip


def answer(number, user, minute, parts, placement, shown):
    events = tuple(ServedEventRow(event_id=each, odd=Decimal(2), **names) for each, names in parts)
    return served_row(
        number, user_id=user, timestamp=BEGIN + timedelta(minutes=minute), events=events, placement=placement,
        shown=shown, refusal="" if events else "time_out", recommender="hybrid" if number % 2 else "trending",
    )  # fmt: skip


def coupon(number, user, minute, parts, named):
    selections = tuple(selection_row(event_id=each, **names) for each, names in parts)
    return coupon_row(
        id=number + 1, user_id=user, timestamp=BEGIN + timedelta(minutes=minute), recommended_events=selections,
        recommendation_id=None if named is None else UUID(int=named),
    )  # fmt: skip


def finish():
    while (step := attribute_step(NOW, WINDOW, ids=3)) is None or not step.is_last:
        pass
    sum_due_days()


def perform(action):
    if action == "job":
        attribute_step(NOW, WINDOW, ids=3)
    elif action == "erase":
        erase_user(USERS[0], NOW)
    elif action == "remove":
        store_coupons([Removal(id=1, timestamp=NOW)])
    elif action[0] == "answer":
        store_recommendations([answer(*action[1:])])
    else:
        store_coupons([coupon(*action[1:])])


def stored_attributions():
    fields = ("coupon_id", "recommendation_id", "matched", "matched_selections", "how", "shown")
    return {coupon_id: tuple(rest) for coupon_id, *rest in Attribution.objects.values_list(*fields)}


def stored_user_days():
    key = ("user_id", "day", "recommender", "placement")
    sums = ("answers", "empty", "refused", "withheld", "bets", "withheld_bets", "stake")
    return {tuple(row[:4]): tuple(row[4:]) for row in UserDay.objects.values_list(*key, *sums)}


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


@st.composite
def histories(draw):
    rows = [("answer", number, *each) for number, each in enumerate(draw(ANSWERS))]
    rows += [("coupon", number, *each) for number, each in enumerate(draw(COUPONS))]
    twice = rows[::6]
    actions = [*rows, *twice, "job", "job", "job", *draw(st.sampled_from([(), ("erase",), ("remove",)]))]
    return draw(st.permutations(actions))


# Not shrunk: an example takes a tenth of a second.
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(histories())
def test_any_order_ends_as_one_pass_would(actions):
    for model in (ServedSlip, PurchasedCoupon, Attribution, UserDay, DueAttribution, ErasedUser, RemovedRow, User):
        model.objects.all().delete()
    for user in USERS:
        UserFactory.create(id=user, timestamp=BEGIN)
    for action in actions:
        perform(action)
    finish()
    expected = expected_attributions(WINDOW)
    assert stored_attributions() == expected
    assert stored_user_days() == expected_user_days(expected)
    assert not DueAttribution.objects.exists()
