"""Nobody flagged is shown a bet by any endpoint that names a user, over all statuses, limits, ages and options.

Beside `serving/test_slip_rules.py`, which holds it for the engine: here a request reads the user from the database.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.transaction import set_rollback
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommendations.models import User
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, selection
from tenants.routing.connections import casino_atomic, current_alias
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

pytestmark = pytest.mark.usefixtures("each_path")

SCHEMA = {
    "user_id": "int",
    "stake": "string",
    "refusal": "string",
    "recommender": "string",
    "events": {"type": "list", "source_field": "recommended_events", "fields": {"id": "int"}},
}
FLAGGED, OTHER = 1, 2
NOW = datetime.now(UTC)
THIS_YEAR = NOW.year

people = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["ACTIVE"] * 4 + ["TIME_OUT", "SELF_EXCLUDED", "CLOSED", "BANNED"]),
        "status_until": st.none() | st.sampled_from([-1, 1]).map(lambda days: NOW + timedelta(days=days)),
        "is_withheld": st.sampled_from([False, False, False, True]),
        "birth_year": st.none() | st.sampled_from([1985, *range(THIS_YEAR - 31, THIS_YEAR - 14)]),
        "birth_date": st.none() | st.dates(date(THIS_YEAR - 31, 1, 1), date(THIS_YEAR - 14, 12, 31)),
        "stake_limit": st.none() | st.sampled_from(["0", "0.004", "0.01", "7", "500"]).map(Decimal),
        "limit_left": st.none() | st.sampled_from(["-3", "0", "0.01", "9", "500"]).map(Decimal),
        "personalisation": st.booleans(),
    }
)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"minimum_age": 16, "allow_unknown_age": True, "live_events": True, "fallbacks": ["profile", "dynamic"]},
    {"minimum_age": 30, "max_stakes": {"EUR": 8}, "default_stakes": {"EUR": 600}, "pinned": {"sports": ["FOOTBALL"]}},
]


@pytest.fixture
def casino(casino_a, casino_b):
    """Two users with a coupon each in both casinos."""
    for each in (casino_b, casino_a):
        with use_casino(each.current):
            EventFactory.create_batch(6)
            for user_id in (FLAGGED, OTHER):
                UserFactory.create(id=user_id)
                TalliedCouponFactory.create(user_id=user_id, stake=450, recommended_events=[selection(event_id=99)])
    return casino_a


def is_flagged(person: dict[str, Any], options: dict[str, Any]) -> bool:
    has_ended = person["status"] in {"TIME_OUT", "SELF_EXCLUDED"} and (person["status_until"] or NOW) < NOW
    if (person["status"] != "ACTIVE" and not has_ended) or person["is_withheld"]:
        return True
    if any(person[name] is not None and person[name] < Decimal("0.01") for name in ("stake_limit", "limit_left")):
        return True
    return not may_be_of_age(person, options)


def may_be_of_age(person: dict[str, Any], options: dict[str, Any]) -> bool:
    born, year = person["birth_date"], person["birth_year"]
    if born is None and year is None:
        return bool(options.get("allow_unknown_age"))
    by_date, by_year = born and (born.year, born.month, born.day), year and (year + 1, 1, 1)
    year_counts = year is not None and (born is None or born.year < year)
    years, month, day = by_year if year_counts else by_date
    return (years + options.get("minimum_age", 18), month, day) <= (NOW.year, NOW.month, NOW.day)


def answers_to(caller) -> list[dict[str, Any]]:
    """The answers to the user by each endpoint that names one."""
    selections: dict[str, Any] = {"selections": []}
    return [
        caller.get(f"/recommend/{FLAGGED}").json(),
        caller.get(f"/recommend/{FLAGGED}?explain=1&limit=5").json(),
        caller.post("/recommend", {"user_ids": [FLAGGED, OTHER]}).json()["recommendations"][0],
        caller.post(f"/recommend/{FLAGGED}/next", selections).json(),
    ]


@pytest.mark.no_cover
@pytest.mark.scaled
@pytest.mark.parametrize("options", OPTIONS, ids=["defaults", "young", "old"])
def test_nobody_flagged_is_shown_a_bet_and_no_stake_is_above_a_limit(caller_a, caller_b, casino, options):
    @settings(max_examples=scaled(20, 50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(people)
    def check(person):
        with casino_atomic():
            User.objects.filter(pk=FLAGGED).update(**person)
            answers = answers_to(caller_a)
            set_rollback(True, using=current_alias())
        for answer in answers:
            if is_flagged(person, options):
                assert (answer["events"], answer["stake"], bool(answer["refusal"])) == ([], "0.00", True), person
                continue
            limits = [each for each in (person["stake_limit"], person["limit_left"]) if each is not None]
            usual = Decimal(450) if person["personalisation"] else options.get("default_stakes", {}).get("EUR", 10)
            highest = min([usual, *limits, *options.get("max_stakes", {}).values()])
            assert (len(answer["events"]) >= 3, Decimal(answer["stake"]), answer["refusal"]) == (True, highest, "")
            assert person["personalisation"] or not RECOMMENDERS[answer["recommender"]].is_personal

    body = {"recommender_type": "hybrid", "recommendation_schema": SCHEMA, "options": options}
    for caller in (caller_a, caller_b):
        assert caller.post("/config", body).status_code == 200
    with use_casino(casino.current):
        check()
    assert all(answer["events"] for answer in answers_to(caller_b)), "the other casino's user is another person"
