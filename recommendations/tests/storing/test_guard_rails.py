"""A user's status and limits, which a message without them does not change."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import UNSET

from recommendations.errors import InvalidRow
from recommendations.models import User
from recommendations.storing import store_users
from recommendations.tests.factories import FIRST_MESSAGE, at, user_row
from tenants.routing.context import use_casino

NEVER = datetime(2049, 1, 1, tzinfo=UTC)
BATCHES = pytest.mark.parametrize("together", [True, False])


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def store(rows, *, together):
    if together:
        store_users(rows)
        return
    for row in rows:
        store_users([row])


def test_a_new_user_is_active_and_has_no_limits():
    store_users([user_row(id=1)])
    user = User.objects.get()
    assert (user.status, user.status_until, user.birth_date) == ("ACTIVE", None, None)
    assert (user.stake_limit, user.limit_left) == (None, None)


@BATCHES
def test_a_row_without_guard_rails_keeps_the_stored_ones(together):
    guarded = {
        "status": "self_excluded",
        "status_until": NEVER,
        "birth_date": date(1985, 2, 3),
        "stake_limit": Decimal(50),
        "limit_left": Decimal(0),
    }
    store([user_row(id=1, **guarded), user_row(id=1, timestamp=at(1), country="SPAIN")], together=together)
    user = User.objects.get()
    assert (user.country, user.status, user.status_until) == ("SPAIN", "SELF_EXCLUDED", NEVER)
    assert (user.birth_date, user.stake_limit, user.limit_left) == (date(1985, 2, 3), Decimal(50), Decimal(0))


@BATCHES
def test_a_new_status_replaces_the_end_of_the_previous_one(together):
    rows = [user_row(id=1, status="TIME_OUT", status_until=NEVER), user_row(id=1, status="CLOSED", timestamp=at(1))]
    store(rows, together=together)
    user = User.objects.get()
    assert (user.status, user.status_until) == ("CLOSED", None)


@BATCHES
def test_none_removes_a_limit(together):
    store(
        [user_row(id=1, stake_limit=Decimal(5)), user_row(id=1, stake_limit=None, timestamp=at(1))], together=together
    )
    assert User.objects.get().stake_limit is None


@BATCHES
def test_a_late_exclusion_does_not_overwrite_a_later_status(together):
    rows = [user_row(id=1, status="ACTIVE", timestamp=at(2)), user_row(id=1, status="SELF_EXCLUDED", timestamp=at(1))]
    store(rows, together=together)
    assert User.objects.get().status == "ACTIVE"


@pytest.mark.parametrize("status", ["SELF_EXCLUDED", "TIME_OUT"])
@pytest.mark.parametrize("until", [datetime(2000, 1, 1, tzinfo=UTC), FIRST_MESSAGE])
def test_an_end_before_the_message_is_none(status, until):
    assert user_row(status=status, status_until=until).status_until is None
    later = until + timedelta(days=365 * 40)
    assert user_row(status=status, status_until=later).status_until == later


@pytest.mark.parametrize("status", ["closed", "active"])
def test_a_status_that_does_not_end_has_no_end(status):
    assert user_row(status=status, status_until=NEVER).status_until is None


def test_a_row_lists_its_unset_columns():
    limits = ("stake_limit", "limit_left", "personalisation")
    assert user_row().unset_columns == ("status", "status_until", "birth_date", *limits)
    sent = {"status": "active", "stake_limit": None, "personalisation": False}
    assert user_row(**sent, limit_left=UNSET).unset_columns == ("birth_date", "limit_left")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"status": "asleep"}, "unknown_value", "status"),
        ({"status_until": NEVER}, "inconsistent", "status_until"),
        ({"birth_date": date(1986, 1, 1)}, "inconsistent", "birth_date"),
        ({"stake_limit": Decimal("Infinity")}, "out_of_range", "stake_limit"),
        ({"limit_left": Decimal("NaN")}, "out_of_range", "limit_left"),
    ],
)
def test_invalid_guard_rails_are_rejected(changes, code, field):
    with pytest.raises(InvalidRow) as refusal:
        user_row(**changes)
    assert (refusal.value.code, refusal.value.field) == (code, field)
