"""Rows whose ids are text are stored, changed, linked and removed as those with numbers."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from recommendations.errors import UserNotFound
from recommendations.models import (
    Event,
    Impression,
    PurchasedCoupon,
    RemovedRow,
    ServedSlip,
    TextId,
    User,
    UserProfile,
    WaitingChange,
    WaitingCoupon,
)
from recommendations.storing import (
    Outcome,
    Result,
    store_coupons,
    store_events,
    store_impressions,
    store_recommendations,
    store_users,
)
from recommendations.storing.privacy import erased_users, export_user, forget_user, reapply_erasure
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import (
    FIRST_MESSAGE,
    at,
    coupon_row,
    event_row,
    impression_row,
    removal,
    selection_row,
    served_row,
    user_row,
)
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from recommendations.tests.threads import run_threads, shuffled
from recommendations.text_ids import Kind, id_of, texts_of
from recommendations.validation.changes import EventChange, UserChange
from recommendations.validation.rows import UnreadSelection
from tenants.models import PrivacyRecord
from tenants.routing.context import use_casino


@pytest.fixture(autouse=True)
def _inside_casino_a(request, casino_a):
    if "transactional_db" in request.fixturenames:
        yield
        return
    with use_casino(casino_a.current):
        yield


def results(outcomes):
    return [outcome.result for outcome in outcomes]


def user(own):
    return User.objects.get(pk=id_of(Kind.USERS, own) or 0)


def event(own):
    return Event.objects.get(pk=id_of(Kind.EVENTS, own) or 0)


def test_a_user_is_stored_once_and_updated():
    store_users([user_row(id="Ada", name="Ada"), user_row(id="ada", name="Other")])
    assert results(store_users([user_row(id="Ada", name="Augusta", timestamp=at(1))])) == [Result.UPDATED]
    assert (user("Ada").name, user("ada").name, User.objects.count()) == ("Augusta", "Other", 2)
    assert UserProfile.objects.count() == 2


def test_numbers_in_text_are_the_same_rows():
    store_users([user_row(id=31)])
    assert results(store_users([user_row(id="31", name="Augusta", timestamp=at(1))])) == [Result.UPDATED]
    assert not TextId.objects.exists()


@pytest.mark.usefixtures("fresh_ids")
def test_texts_do_not_move_the_sequence_of_rows_without_ids():
    rows = [user_row(id="a"), user_row(id=7), user_row(name="Nameless"), user_row(id="b")]
    assert results(store_users(rows)) == [Result.STORED] * 4
    assert store_users([user_row(name="Another")]) == [Outcome(Result.STORED, 9)]


def test_rows_are_left_as_they_were_decoded():
    rows = [user_row(id="a")]
    store_users(rows)
    assert rows[0].id == "a"


def test_a_coupon_names_its_user_and_events_by_text():
    store_users([user_row(id="u")])
    store_events([event_row(id="e")])
    shared = selection_row(event_id="e")
    coupon = coupon_row(id="c", user_id="u", recommended_events=(shared,))
    assert results(store_coupons([coupon])) == [Result.STORED]
    assert results(store_coupons([coupon])) == [Result.DUPLICATE]
    stored = PurchasedCoupon.objects.get()
    assert (stored.pk, stored.user_id) == (id_of(Kind.COUPONS, "c"), user("u").pk)
    assert stored.recommended_events[0]["event_id"] == event("e").pk
    assert shared.event_id == "e", "selections are shared between coupons"
    assert_counts_equal_a_recount()


def test_an_event_is_held_of_which_a_coupon_tells_only_the_text():
    store_users([user_row(id="u")])
    unread = (UnreadSelection(number=0, code="missing", field="league", event_id="other"),)
    coupon = coupon_row(id=7, user_id="u", recommended_events=(), unread_selections=unread)
    assert results(store_coupons([coupon])) == [Result.STORED_IN_PART]
    stored = PurchasedCoupon.objects.values_list("unread_selections__0__event_id", flat=True)
    assert stored.get() == id_of(Kind.EVENTS, "other")


def test_a_coupon_waits_for_its_user_with_its_message():
    messages = {}
    coupon = coupon_row(id="c", user_id="u")
    messages[id(coupon)] = b"the message"
    assert results(store_coupons([coupon], message_of=lambda row: messages[id(row)])) == [Result.WAITING]
    assert bytes(WaitingCoupon.objects.get().message or b"") == b"the message"
    store_users([user_row(id="u")])
    assert PurchasedCoupon.objects.get().user_id == user("u").pk
    assert UserProfile.objects.get().coupon_count == 1


def test_a_change_finds_its_row():
    store_events([event_row(id="e")])
    assert results(store_events([EventChange(id="e", timestamp=at(1), status="suspended")])) == [Result.UPDATED]
    assert event("e").status == "SUSPENDED"


def test_a_restriction_waits_for_its_row():
    changes = [UserChange(id="u", timestamp=at(5), status="closed")]
    assert results(store_users(changes)) == [Result.NOT_STORED]
    assert results(store_events([EventChange(id="e", timestamp=at(5), is_withheld=True)])) == [Result.NOT_STORED]
    store_users([user_row(id="u")])
    store_events([event_row(id="e", timestamp=FIRST_MESSAGE)])
    assert user("u").status == "CLOSED"
    assert event("e").is_withheld


def test_a_removed_row_is_restored_by_a_later_message_alone():
    store_users([user_row(id="u")])
    store_coupons([coupon_row(id="c", user_id="u")])
    assert results(store_users([removal("u", 5)])) == [Result.REMOVED]
    assert PurchasedCoupon.objects.count() == 0
    assert results(store_users([user_row(id="u", timestamp=at(4))])) == [Result.STALE]
    assert results(store_users([user_row(id="u", timestamp=at(6))])) == [Result.STORED]


def test_events_and_coupons_are_removed_too():
    store_users([user_row(id="u")])
    store_events([event_row(id="same")])
    store_coupons([coupon_row(id="same", user_id="u")])
    assert results(store_coupons([removal("same", 10**7)])) == [Result.REMOVED]
    assert results(store_events([removal("same", 5)])) == [Result.REMOVED]
    assert results(store_events([event_row(id="same", timestamp=at(4))])) == [Result.STALE]
    assert {row.kind for row in RemovedRow.objects.all()} == {"purchased_coupons", "events"}
    assert User.objects.count() == 1


def test_the_served_recommendations_of_a_user_are_removed_by_either_key():
    store_users([user_row(id="u"), user_row(id="v")])
    ids = user("u").pk, user("v").pk
    served = [served_row(number, user_id=user_id) for number, user_id in enumerate(ids, start=1)]
    store_recommendations(served)
    assert results(store_recommendations([removal("u", 5), removal("w", 5)])) == [Result.REMOVED, Result.DUPLICATE]
    assert ServedSlip.objects.get().user_id == ids[1]
    assert results(store_recommendations([removal(str(ids[1]), 5)])) == [Result.REMOVED]
    assert not ServedSlip.objects.exists()


def test_impressions_of_users_and_events_with_text_ids():
    store_users([user_row(id="u"), user_row(id="v")])
    store_events([event_row(id="e")])
    assert results(store_impressions([impression_row(1, user_id="u", event_ids=("e", 5, "never sent"))])) == [
        Result.STORED
    ]
    assert {row.event_id for row in Impression.objects.all()} == {event("e").pk, 5}
    assert results(store_impressions([impression_row(2, user_id="v", event_ids=("never sent",))])) == [Result.STALE]
    assert not TextId.objects.filter(text="never sent").exists()
    assert results(store_impressions([removal("u", 5), removal("w", 5)])) == [Result.REMOVED, Result.DUPLICATE]
    assert not Impression.objects.exists()


def test_an_erased_user_is_not_restored_by_an_older_message(casino_a):
    store_users([user_row(id="u")])
    user_id = user("u").pk
    forget_user(casino=casino_a, user_id="u", by="test", now=at(5))
    assert texts_of([user_id]) == {user_id: "u"}, "the text stays, so that messages about the user are recognised"
    assert results(store_users([user_row(id="u", timestamp=at(4))])) == [Result.STALE]
    assert results(store_coupons([coupon_row(id="c", user_id="u", timestamp=at(4))])) == [Result.STALE]
    assert results(store_users([user_row(id="u", timestamp=at(5) + timedelta(days=1))])) == [Result.STORED]
    assert user("u").pk == user_id


def test_two_ids_of_one_match_are_linked():
    store_events([event_row(id="feed:1"), event_row(id=7)])
    assert event("feed:1").same_match_ids == [7]
    assert Event.objects.get(pk=7).same_match_ids == [event("feed:1").pk]


def test_rows_with_numbers_cost_no_statement_more():
    store_users([user_row(id=7)])
    with CaptureQueriesContext(connections["casino_1"]) as queries:
        store_users([user_row(id=7, timestamp=at(1))])
    assert not any("text_ids" in query["sql"] for query in queries)


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_users_and_their_coupons_come_at_once(casino_a, transactional_db):
    users = [user_row(id=f"u{number}") for number in range(40)]
    coupons = [coupon_row(id=f"c{number}", user_id=f"u{number % 40}") for number in range(80)]

    def work(number):
        store_users(shuffled(users, number)) if number % 2 else store_coupons(shuffled(coupons, number))

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert (User.objects.count(), PurchasedCoupon.objects.count()) == (40, 80)
        assert TextId.objects.count() == 120
        assert_counts_equal_a_recount()


def test_the_audit_log_names_the_casinos_own_id(casino_a):
    store_users([user_row(id="sr:7")])
    export_user(casino=casino_a, user_id="sr:7", by="test")
    forget_user(casino=casino_a, user_id="sr:7", by="test", now=at(5))
    assert list(PrivacyRecord.objects.values_list("user_id", flat=True)) == ["sr:7", "sr:7"]
    assert [*erased_users(casino_a)] == ["sr:7"]


def test_an_erasure_is_applied_again_to_the_user_whose_number_changed(casino_a):
    """Restoring a backup from before the user's first message has this effect."""
    store_users([user_row(id="erased")])
    forget_user(casino=casino_a, user_id="erased", by="test", now=at(5))
    number = id_of(Kind.USERS, "erased") or 0
    TextId.objects.filter(pk=number).delete()
    TextId.objects.create(pk=number, kind="users", text="another")
    store_users([user_row(id="another", timestamp=at(6)), user_row(id="erased", timestamp=at(1))])
    [(user_id, erased_at)] = erased_users(casino_a).items()
    assert reapply_erasure(user_id, erased_at)
    assert (user("another").pk, id_of(Kind.USERS, "erased") == number) == (number, False)
    assert User.objects.count() == 1


def test_the_erasure_of_an_unknown_text_leaves_no_number(casino_a):
    with pytest.raises(UserNotFound):
        forget_user(casino=casino_a, user_id="nobody", by="test", now=at(5))
    assert not TextId.objects.exists()
    assert not PrivacyRecord.objects.exists()


@pytest.mark.parametrize("changes", [{"is_withheld": True, "waits": False}, {"name": "Ada"}])
def test_a_change_that_stores_nothing_leaves_no_number(changes):
    store_users([user_row(id="known")])
    rows = [UserChange(id=own, timestamp=at(5), **changes) for own in ("garbage", "known", "more")]
    assert results(store_users(rows)) == [Result.NOT_STORED, Result.UPDATED, Result.NOT_STORED]
    assert list(TextId.objects.values_list("text", flat=True)) == ["known"]
    assert not WaitingChange.objects.exists()


def test_a_change_that_stores_nothing_changes_what_the_same_call_stores():
    change = UserChange(id="u", timestamp=at(5), is_withheld=True, waits=False)
    assert results(store_users([user_row(id="u"), change])) == [Result.STORED, Result.UPDATED]
    assert user("u").is_withheld


def test_changes_of_events_that_store_nothing_leave_no_number():
    store_events([event_row(id="e")])
    rows = [EventChange(id=own, timestamp=at(5), status="closed", waits=False) for own in ("f", "e")]
    assert results(store_events(rows)) == [Result.NOT_STORED, Result.UPDATED]
    assert list(TextId.objects.values_list("text", flat=True)) == ["e"]
