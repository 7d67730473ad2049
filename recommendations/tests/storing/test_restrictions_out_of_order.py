"""A message without a status or a limit never makes an older one stale that has them; of equal times, the strictest
values win; a date ahead of now blocks none."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from recommendations.models import Event, OfferVersion, User
from recommendations.storing import store_events, store_users
from recommendations.tests.factories import EventFactory, UserFactory, at, event_row, removal, user_row
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.slow, pytest.mark.covered]

UNTIL_JUNE, UNTIL_JULY = datetime(2050, 6, 1, tzinfo=UTC), datetime(2050, 7, 1, tzinfo=UTC)


def store_together(store, rows):
    return [outcome.result.value for outcome in store(rows)]


def store_one_by_one(store, rows):
    return [result for row in rows for result in store_together(store, [row])]


BATCHES = pytest.mark.parametrize("put", [store_one_by_one, store_together])
KEYS = pytest.mark.parametrize("key", [{"id": 7}, {}], ids=["own id", "no id"])


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


@pytest.fixture
def is_shown_bets(casino_a, now):
    def ask(user_id=7):
        answer = recommend(casino_id=casino_a.pk, recommender_type="static", user_id=user_id, now=now)
        return bool(answer.recommended_events)

    return ask


def user(minutes, **changes):
    return user_row(**{"id": 7, "timestamp": at(minutes)} | changes)


def event(minutes, **changes):
    return event_row(**{"id": 7, "timestamp": at(minutes)} | changes)


@BATCHES
@pytest.mark.parametrize("status", ["SELF_EXCLUDED", "TIME_OUT", "CLOSED"])
def test_an_exclusion_that_arrives_after_a_later_change_of_address_shows_no_bets(put, status, is_shown_bets):
    store_events([event_row(id=5)])
    store_users([user(0)])
    assert is_shown_bets()
    put(store_users, [user(10, country="SPAIN"), user(5, status=status)])
    assert (User.objects.get().status, User.objects.get().country) == (status, "SPAIN")
    assert User.objects.get().timestamp == at(10)
    assert not is_shown_bets()


@KEYS
@BATCHES
@pytest.mark.parametrize("status", ["SUSPENDED", "CANCELLED", "SETTLED"])
def test_a_closing_that_arrives_after_a_later_odd_closes_the_event(put, key, status, is_shown_bets):
    store_users([user_row(id=7)])
    own = {"id": None} | key
    store_events([event(0, **own)])
    assert is_shown_bets()
    put(store_events, [event(10, odd=2.6, **own), event(9, odd=2.5, status=status, **own)])
    stored = Event.objects.get()
    assert (stored.status, stored.odd, stored.timestamp) == (status, Decimal("2.6"), at(10))
    assert not is_shown_bets()


def test_a_late_closing_is_an_update_and_changes_nothing_when_repeated():
    late = event(9, status="SUSPENDED")
    assert store_one_by_one(store_events, [event(10), late, late]) == ["stored", "updated", "stale"]
    late_limit = user(9, limit_left=Decimal(0))
    assert store_one_by_one(store_users, [user(10), late_limit, late_limit]) == ["stored", "updated", "stale"]


@BATCHES
def test_messages_with_and_without_a_status_end_the_same_in_any_order(put):
    changes: list[dict[str, Any]] = [{"status": "SUSPENDED"}, {"odd": 3}, {"status": "OPEN"}, {"odd": 4}]
    for number, order in enumerate(permutations(enumerate(changes, 1)), 1):
        put(store_events, [event(minutes, id=number, **each) for minutes, each in order])
    stored = Event.objects.values_list("status", "status_as_of", "odd", "timestamp")
    assert list(stored) == [("OPEN", at(3), Decimal(4), at(4))] * 24


@BATCHES
def test_an_older_status_does_not_replace_a_later_one(put):
    put(store_events, [event(2, status="OPEN"), event(1, status="CANCELLED")])
    put(store_users, [user(2, status="ACTIVE"), user(3), user(1, status="CLOSED")])
    assert (Event.objects.get().status, User.objects.get().status) == ("OPEN", "ACTIVE")


@BATCHES
def test_of_equal_times_the_strictest_status_of_an_event_wins(put):
    for number, order in enumerate(permutations(["OPEN", "SUSPENDED", "CANCELLED", "SETTLED"]), 1):
        put(store_events, [event(1, id=number, status=status) for status in order])
    assert list(Event.objects.values_list("status", flat=True)) == ["SETTLED"] * 24


@BATCHES
@pytest.mark.parametrize(
    ("mild", "strict"),
    [
        ({"status": "ACTIVE"}, {"status": "TIME_OUT", "status_until": UNTIL_JUNE}),
        ({"status": "SELF_EXCLUDED", "status_until": UNTIL_JUNE}, {"status": "TIME_OUT", "status_until": UNTIL_JULY}),
        ({"status": "TIME_OUT", "status_until": UNTIL_JUNE}, {"status": "TIME_OUT"}),
        ({"status": "TIME_OUT"}, {"status": "SELF_EXCLUDED"}),
        ({"status": "SELF_EXCLUDED"}, {"status": "CLOSED"}),
        ({"stake_limit": None}, {"stake_limit": Decimal(5)}),
        ({"stake_limit": Decimal(5)}, {"stake_limit": Decimal(0)}),
        ({"limit_left": Decimal(5)}, {"limit_left": Decimal(4)}),
        ({"birth_date": date(1985, 1, 2)}, {"birth_date": date(1985, 1, 3)}),
    ],
)
def test_of_equal_times_the_stricter_values_win(put, mild, strict):
    put(store_users, [user(1, **mild), user(1, **strict), user(2)])
    put(store_users, [user(1, id=8, **strict), user(1, id=8, **mild), user(2, id=8)])
    expected = {name: strict.get(name) for name in mild | strict}
    assert list(User.objects.values(*expected)) == [expected] * 2


@BATCHES
@pytest.mark.parametrize("limit", ["stake_limit", "limit_left"])
def test_a_limit_that_arrives_after_a_later_change_of_address_is_stored(put, limit):
    put(
        store_users,
        [user(1, **{limit: None}), user(10), user(5, **{limit: Decimal(3)}), user(4, **{limit: Decimal(9)})],
    )
    assert getattr(User.objects.get(), limit) == Decimal(3)


@BATCHES
def test_another_birth_year_drops_the_birth_date(put, is_shown_bets):
    store_events([event_row(id=5)])
    put(store_users, [user(1, birth_date=date(1985, 5, 5)), user(2, birth_year=2022)])
    assert (User.objects.get().birth_year, User.objects.get().birth_date) == (2022, None)
    assert not is_shown_bets()


@BATCHES
def test_a_late_birth_date_of_another_year_is_not_stored(put):
    put(store_users, [user(2, birth_year=2022), user(1, birth_date=date(1985, 5, 5))])
    assert (User.objects.get().birth_year, User.objects.get().birth_date) == (2022, None)


def test_a_message_of_the_same_birth_year_keeps_the_birth_date():
    store_users([user(1, birth_date=date(1985, 5, 5))])
    store_users([user(2)])
    assert User.objects.get().birth_date == date(1985, 5, 5)


def test_a_change_of_the_statuss_time_alone_is_no_change_of_the_offer():
    store_events([event(1, status="OPEN")])
    before = OfferVersion.objects.get().version
    assert store_together(store_events, [event(2, status="OPEN")]) == ["updated"]
    assert OfferVersion.objects.get().version == before


def test_a_late_removal_keeps_a_restriction():
    store_users([user(1, status="SELF_EXCLUDED"), user(3)])
    store_users([removal(7, 2)])
    assert User.objects.get().status == "SELF_EXCLUDED"


class TestRowsOfEarlierReleases:
    """Without times of their values, and perhaps dated ahead."""

    def test_the_time_of_a_status_is_the_rows(self):
        EventFactory.create(id=7, status="OPEN", timestamp=at(5))
        assert store_together(store_events, [event(4, status="CANCELLED")]) == ["stale"]
        assert store_together(store_events, [event(6)]) == ["updated"]
        assert Event.objects.get().status_as_of == at(5)
        assert store_together(store_events, [event(4, status="CANCELLED")]) == ["stale"]
        assert Event.objects.get().status == "OPEN"
        store_events([event(6, status="CANCELLED")])
        assert Event.objects.get().status == "CANCELLED"

    def test_an_equal_message_changes_nothing(self):
        EventFactory.create(id=7, status="OPEN", timestamp=at(5), odd="2.5")
        store_events([event(6)])
        Event.objects.update(status_as_of=None)
        assert store_together(store_events, [event(6), event(6, status="OPEN")]) == ["duplicate"] * 2
        assert Event.objects.get().status_as_of is None

    @pytest.mark.parametrize("changes", [{}, {"status": "OPEN"}])
    def test_a_date_ahead_blocks_no_closing(self, now, changes):
        EventFactory.create(id=7, timestamp=now + timedelta(hours=20))
        store_events([event_row(id=7, timestamp=now - timedelta(minutes=1), **changes)])
        store_events([event_row(id=7, timestamp=now, status="SUSPENDED")])
        assert Event.objects.get().status == "SUSPENDED"
        assert Event.objects.get().timestamp == now

    def test_a_date_ahead_blocks_no_removal(self, now):
        EventFactory.create(id=7, timestamp=now + timedelta(hours=20))
        removed = removal(7, 0)
        removed.timestamp = now
        assert store_together(store_events, [removed]) == ["removed"]

    def test_a_date_ahead_blocks_no_exclusion_and_no_lower_limit(self, now):
        UserFactory.create(id=7, timestamp=now + timedelta(hours=20), stake_limit=9)
        store_users([user_row(id=7, timestamp=now, status="SELF_EXCLUDED", stake_limit=Decimal(5))])
        assert (User.objects.get().status, User.objects.get().stake_limit) == ("SELF_EXCLUDED", Decimal(5))

    def test_a_restriction_dated_ahead_is_not_lifted_by_a_message_of_now(self, now):
        UserFactory.create(id=7, timestamp=now + timedelta(hours=20), status="SELF_EXCLUDED", limit_left=0)
        store_users([user_row(id=7, timestamp=now, status="ACTIVE", limit_left=None)])
        assert (User.objects.get().status, User.objects.get().limit_left) == ("SELF_EXCLUDED", Decimal(0))
