"""The exposure report finds what the guard rails would have let through, and nothing else."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from statistics import median
from uuid import uuid4

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommendations.evaluation.exposure import Exposure, report_exposure
from recommendations.models import ServedSlip, User
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.guard_rails import Refusal, refuse
from recommendations.serving.options import DEFAULTS, Options
from recommendations.storing import store_users
from recommendations.tests.factories import CouponFactory, UserFactory, user_row
from tenants.routing.connections import casino_atomic, casino_connection
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

pytestmark = pytest.mark.slow

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
AGO = NOW - timedelta(hours=3)
EVENTS = [{"event_id": 7, "odd": 2.5, "score": 1.0}]


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, casino_b):
    with use_casino(casino_b.current):
        UserFactory.create(id=1, status="CLOSED", timestamp=AGO - timedelta(days=9))
        serve(1)
    with use_casino(casino_a.current):
        yield


def serve(user_id, timestamp=AGO, **changes):
    fields = {"recommender": "hybrid", "asked_for": "hybrid", "stake": Decimal(10), "currency": "EUR"}
    ServedSlip.objects.create(
        recommendation_id=uuid4(), user_id=user_id, timestamp=timestamp, **fields | {"events": EVENTS} | changes
    )


def exposure(days=7, options=DEFAULTS):
    return report_exposure(casino_id=1, options=options, now=NOW, days=days)


def flags(**parameters):
    return {flag: number for each in exposure(**parameters).days for flag, number in each.flagged.items()}


def a_user(**changes):
    return UserFactory.create(id=1, timestamp=AGO - timedelta(days=9), **changes)


def test_without_answers_there_is_nothing_to_report():
    assert exposure().days == ()


@pytest.mark.covered
@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"status": "SELF_EXCLUDED"}, "self_excluded"),
        ({"status": "TIME_OUT", "status_until": NOW}, "time_out"),
        ({"status": "CLOSED", "status_until": AGO - timedelta(days=1)}, "closed"),
        ({"is_withheld": True}, "withheld"),
        ({"birth_year": 2008}, "under_age"),
        ({"birth_date": date(2008, 6, 16), "birth_year": 2008}, "under_age"),
        ({"birth_date": date(1985, 6, 16), "birth_year": 2012}, "under_age"),
        ({"birth_year": None}, "age_unknown"),
        ({"limit_left": Decimal(0)}, "above_limit"),
        ({"stake_limit": Decimal("9.99")}, "above_limit"),
        ({"personalisation": False}, "personalised"),
    ],
)
def test_a_user_who_was_shown_bets_in_spite_of_a_restriction_is_reported(changes, flag):
    a_user(**changes)
    serve(1)
    serve(1, events=[], refusal="closed", stake=0)
    serve(1, shown=False)
    assert flags() == {flag: 1}
    [found] = exposure().flagged
    assert (found.user_id, found.timestamp, found.flag) == (1, AGO, flag)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "TIME_OUT", "status_until": AGO},
        {"status": "SELF_EXCLUDED", "status_as_of": AGO + timedelta(seconds=1)},
        {"is_withheld": True, "is_withheld_as_of": NOW},
        {"birth_date": date(2008, 6, 15), "birth_year": 2008},
        {"limit_left": Decimal(0), "limit_left_as_of": NOW},
        {"stake_limit": Decimal(10), "limit_left": Decimal(10)},
        {"currency": "USD", "stake_limit": Decimal(1)},
        {"personalisation": False, "personalisation_as_of": NOW},
    ],
)
def test_an_answer_before_or_after_a_restriction_is_none(changes):
    a_user(**changes)
    serve(1)
    assert flags() == {}


def test_a_user_without_personalisation_may_be_shown_what_all_are():
    a_user(personalisation=False)
    for name, recommender in RECOMMENDERS.items():
        serve(1, recommender=name)
        assert flags().get("personalised", 0) == sum(
            each.is_personal for each in list(RECOMMENDERS.values())[: list(RECOMMENDERS).index(recommender.name) + 1]
        )


def test_the_casinos_own_age_counts():
    a_user(birth_year=2006)
    serve(1)
    assert flags() == {}
    assert flags(options=Options(minimum_age=21)) == {"under_age": 1}
    User.objects.update(birth_year=None)
    assert flags(options=Options(allow_unknown_age=True)) == {}


def test_days_are_counted_apart_with_their_refusals():
    a_user()
    for _ in range(3):
        serve(1)
    serve(1, events=[], refusal="limit_reached", stake=0)
    serve(1, events=[], stake=0)
    serve(1, timestamp=AGO - timedelta(days=1), events=[], refusal="time_out", stake=0)
    serve(1, timestamp=AGO - timedelta(days=2))
    first, second = exposure(days=2).days
    assert (first.day, first.answers, first.refused, first.refused_share) == (date(2026, 6, 14), 1, {"time_out": 1}, 1)
    assert (second.answers, second.with_events, second.refused) == (5, 3, {"limit_reached": 1})
    assert second.refused_share == pytest.approx(0.2)


def test_stakes_are_compared_with_the_users_own_median_before_that_day():
    a_user()
    UserFactory.create(id=2, personalisation=False)
    UserFactory.create(id=3, currency_since=NOW)
    for user_id in (1, 2, 3):
        for number, stake in enumerate((0, 4, 5, 90), start=1):
            CouponFactory.create(user_id=user_id, stake=stake, timestamp=AGO - timedelta(days=number))
        CouponFactory.create(user_id=user_id, stake=500, timestamp=AGO)
    for stake in (4, 5, 10):
        serve(1, stake=stake)
    serve(2, recommender="soonest")
    serve(3)
    serve(1, currency="USD")
    [day] = exposure().days
    assert (day.stakes.compared, day.stakes.above, day.stakes.median_ratio) == (3, 1, 1)


def test_a_median_is_of_the_latest_fifty_stakes_before_each_day():
    a_user()
    stakes = {NOW - timedelta(hours=2 * number): 1 + number * 7 % 90 for number in range(90)}  # the earliest before
    for bought, stake in stakes.items():
        CouponFactory.create(user_id=1, stake=stake, timestamp=bought)
    days = [AGO.replace(hour=0) - timedelta(days=number) for number in (4, 2, 0)]
    for midnight in days:
        serve(1, timestamp=midnight + timedelta(hours=1), stake=40)
    found = [each.stakes.median_ratio for each in exposure(days=5).days]
    latest = [[stake for bought, stake in stakes.items() if bought < midnight][:50] for midnight in days]
    assert found == pytest.approx([40 / median(each) for each in latest])


def test_the_report_asks_three_queries_and_one_for_texts():
    a_user(status="CLOSED")
    serve(1)
    with CaptureQueriesContext(connections["casino_1"]) as queries:
        exposure()
    assert len(queries) <= 4


def test_the_command_prints_the_table_and_fails_if_anybody_was_shown_bets_wrongly(casino_a):
    store_users([user_row(id="anna")])
    anna = User.objects.get()
    serve(anna.pk, timestamp=datetime.now(UTC) - timedelta(seconds=5))
    out = StringIO()
    call_command("exposure", "--casino", "1", stdout=out)
    assert "anna" not in out.getvalue()
    User.objects.update(status="SELF_EXCLUDED")
    out = StringIO()
    with pytest.raises(CommandError, match="1 answers showed bets to users who must not get any"):
        call_command("exposure", "--casino", "1", stdout=out)
    assert "user anna: self_excluded" in out.getvalue()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("exposure", "--casino", "1", "--json", "--days", "2", stdout=out)
    assert msgspec.convert(json.loads(out.getvalue()), Exposure).flagged[0].user_id == "anna"


times = st.none() | st.integers(-3, 3).map(lambda hours: AGO + timedelta(hours=hours))
limits = st.none() | st.sampled_from([Decimal(0), Decimal("9.99"), Decimal(10), Decimal(50)])
people = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["ACTIVE", "TIME_OUT", "SELF_EXCLUDED", "CLOSED", "BANNED"]),
        "status_until": times,
        "is_withheld": st.booleans(),
        "birth_year": st.none() | st.integers(2006, 2010),
        "birth_date": st.none() | st.dates(date(2007, 1, 1), date(2009, 12, 31)),
        "stake_limit": limits,
        "limit_left": limits,
    }
)
STAKE_REFUSALS = {None, Refusal.LIMIT_REACHED}


@pytest.mark.no_cover
@pytest.mark.scaled
@settings(max_examples=scaled(50, 120), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people, st.integers(16, 30), st.booleans(), st.sampled_from([Decimal("9.99"), Decimal(10), Decimal(60)]))
def test_the_report_flags_whom_the_guard_rails_refuse(person, minimum_age, allow_unknown_age, stake):
    """Two implementations of the same rules, over all statuses, limits and ages."""
    options = Options(minimum_age=minimum_age, allow_unknown_age=allow_unknown_age)
    with casino_atomic():
        user = a_user(**person)
        serve(1, stake=stake)
        found = flags(options=options)
        casino_connection().set_rollback(True)
    refusal = refuse(user, options, AGO)
    is_above = any(each is not None and stake > each for each in (user.stake_limit, user.limit_left))
    if refusal in STAKE_REFUSALS:
        assert set(found) == ({"above_limit"} if is_above else set())
    elif person["status"] == "BANNED":
        assert set(found) in ({"banned"}, {"closed"}), "an unknown status forbids bets"
    else:
        assert set(found) == {str(refusal)}
