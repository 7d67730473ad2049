"""Removals delete rows with all that belongs to them; older messages don't store them again."""

import pytest

from recommendations.models import (
    Event,
    EventTeam,
    OfferVersion,
    RemovedRow,
    Team,
    User,
    UserProfile,
)
from recommendations.storing import Outcome, Result, store_events, store_users
from recommendations.tests.factories import at, event_row, removal, user_row
from tenants.routing.context import use_casino

REMOVED, DUPLICATE, STALE = Outcome(Result.REMOVED), Outcome(Result.DUPLICATE), Outcome(Result.STALE)


def user(minutes, **changes):
    return user_row(id=7, timestamp=at(minutes), **changes)


def event(minutes, **changes):
    return event_row(id=7, timestamp=at(minutes), **changes)


KINDS = pytest.mark.parametrize(
    ("store", "row", "model"), [(store_users, user, User), (store_events, event, Event)], ids=["users", "events"]
)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        yield


def results(outcomes):
    return [outcome.result.value for outcome in outcomes]


@KINDS
def test_a_removed_row_is_deleted(store, row, model):
    store([row(1), row(1)])
    assert store([removal(7, 2)]) == [REMOVED]
    assert not model.objects.exists()


@KINDS
def test_a_row_removed_twice_is_removed_once(store, row, model):
    store([row(1)])
    assert store([removal(7, 2), removal(7, 2)]) == [DUPLICATE, REMOVED]
    assert store([removal(7, 2)]) == store([removal(7, 3)]) == [DUPLICATE]
    assert RemovedRow.objects.get().timestamp == at(3)


@KINDS
def test_the_recorded_time_of_a_removal_never_decreases(store, row, model):
    store([removal(7, 5)])
    store([removal(7, 3)])
    assert store([row(4)]) == [STALE]
    assert RemovedRow.objects.get().timestamp == at(5)


@KINDS
@pytest.mark.parametrize("minutes", [1, 2])
def test_a_message_older_than_the_removal_does_not_store_the_row_again(store, row, model, minutes):
    assert store([removal(7, 2)]) == [DUPLICATE]
    assert store([row(minutes)]) == [STALE]
    assert not model.objects.exists()


@KINDS
def test_a_message_later_than_the_removal_stores_the_row_again(store, row, model):
    store([row(1)])
    store([removal(7, 2)])
    assert store([row(3)]) == [Outcome(Result.STORED, 7)]
    assert store([removal(7, 2)]) == [DUPLICATE]
    assert model.objects.exists()


@KINDS
def test_a_removal_older_than_the_row_keeps_it(store, row, model):
    store([row(3)])
    assert store([removal(7, 2)]) == [DUPLICATE]
    assert model.objects.get().timestamp == at(3)


@KINDS
def test_at_equal_times_the_removal_wins_in_either_order(store, row, model):
    store([row(1)])
    assert store([removal(7, 1)]) == [REMOVED]
    assert store([row(1)]) == [STALE]
    assert store([row(2), removal(7, 2)])[1] == REMOVED
    assert store([removal(7, 3), row(3)]) == [DUPLICATE, STALE]
    assert not model.objects.exists()


@KINDS
def test_a_row_and_its_removal_in_one_batch_store_nothing(store, row, model):
    assert results(store([row(1), removal(7, 2)])) == ["stored", "removed"]
    assert not model.objects.exists()
    assert not UserProfile.objects.exists()
    assert not EventTeam.objects.exists()


@KINDS
def test_a_row_removed_and_sent_again_in_one_batch_is_stored(store, row, model):
    assert results(store([row(1), removal(7, 2), row(3)])) == ["stored", "removed", "stored"]
    assert model.objects.get().timestamp == at(3)


@KINDS
def test_other_rows_of_a_batch_with_a_removal_are_stored(store, row, model):
    store([row(1)])
    others = {User: user_row, Event: event_row}[model]
    assert results(store([others(id=8), removal(7, 2), others()])) == ["stored", "removed", "stored"]
    assert model.objects.filter(pk=8).exists()
    assert model.objects.count() == 2


@KINDS
def test_a_row_with_a_sequence_id_can_not_be_removed(store, row, model):
    nameless = {User: user_row, Event: event_row}[model]()
    [stored] = store([nameless])
    assert store([removal(stored.id, 999)]) == [DUPLICATE]
    assert store([nameless]) == [DUPLICATE]
    assert model.objects.get().pk == stored.id


@KINDS
def test_a_removal_affects_one_casino_only(casino_b, store, row, model):
    store([row(1)])
    with use_casino(casino_b.current, switch=True):
        store([row(1)])
        store([removal(7, 2)])
    assert model.objects.count() == 1
    assert not RemovedRow.objects.exists()


@KINDS
def test_a_removal_affects_one_kind_only(store, row, model):
    store([row(1)])
    store_other_kind = store_events if model is User else store_users
    store_other_kind([removal(7, 2)])
    assert store([row(2)])[0].result == Result.UPDATED


def test_removing_an_event_deletes_its_links_and_keeps_its_teams():
    store_events([event(1), event_row(id=8)])
    store_events([removal(7, 2)])
    assert list(EventTeam.objects.values_list("event_id", flat=True)) == [8, 8]
    assert Team.objects.count() == 2


def test_a_removed_event_stored_again_is_linked_and_open():
    store_events([event(1, status="CANCELLED")])
    store_events([removal(7, 2), event(3)])
    assert Event.objects.get().status == "OPEN"
    assert EventTeam.objects.count() == 2


def test_a_removed_event_without_a_timestamp_is_not_stored_again():
    store_events([event_row(id=7)])
    assert store_events([removal(7, 1)]) == [REMOVED]
    assert store_events([event_row(id=7)]) == [STALE]
    assert store_events([removal(7, 2), event_row(id=7)]) == [DUPLICATE, STALE]
    assert not Event.objects.exists()


def test_only_a_removal_with_an_effect_increments_the_offers_version():
    store_events([event(1)])
    before = OfferVersion.objects.get().version
    store_events([removal(8, 2)])
    assert OfferVersion.objects.get().version == before
    store_events([removal(7, 2)])
    assert OfferVersion.objects.get().version > before
