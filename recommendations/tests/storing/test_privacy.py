"""Erasing users for good, exporting their data, and the audit log of both."""

import json
from datetime import timedelta
from io import StringIO
from uuid import UUID

import numpy as np
import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from recommendations.attribution.job import attribute_step
from recommendations.fitted_models.model_cache import RECOUNT_AFTER, model_cache
from recommendations.fitted_models.store import Fitting, decode, store_models
from recommendations.models import (
    CasinoTally,
    FittedModel,
    Impression,
    PendingCasinoSums,
    PurchasedCoupon,
    ServedSlip,
    User,
    UserProfile,
    WaitingCoupon,
)
from recommendations.recommenders.hybrid import DEFAULT_MODEL
from recommendations.recommenders.hybrid_features.bet_sequences import SequenceCounts
from recommendations.recommenders.hybrid_features.user_vectors import CoBettors, UserVectors
from recommendations.serving.load import find
from recommendations.storing import Result, store_coupons, store_impressions, store_recommendations, store_users
from recommendations.storing.privacy import erased_users, forget_user, reapply_erasure
from recommendations.storing.removal import remove_coupons
from recommendations.tests.factories import (
    TalliedCouponFactory,
    at,
    coupon_row,
    impression_row,
    selection,
    selection_row,
    served_row,
    user_row,
)
from recommendations.tests.present import present
from recommendations.validation.rows import Removal
from tenants.models import PrivacyRecord, Scope, StaffBinding
from tenants.routing.context import use_casino
from tenants.tests.api_clients import bearing, make_key

pytestmark = pytest.mark.slow

TABLES = (
    "users", "users_profile", "user_tallies", "purchased_coupons", "served_recommendations", "impressions",
    "attributions", "user_days", "waiting_coupons",
)  # fmt: skip


@pytest.fixture(autouse=True)
def users(settings, casino_a, casino_b, fresh_ids):
    """Users 7 and 8 in both casinos, and a coupon waiting for user 9."""
    settings.RECSYS_OPEN_API = False
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            store_users([user_row(id=7, name="Ada", timestamp=at(1)), user_row(id=8, timestamp=at(1))])
            store_coupons(
                [
                    coupon_row(id=n, user_id=n % 2 + 7, timestamp=at(2), recommendation_id=UUID(int=n % 2 + 1))
                    for n in range(1, 60)
                ]
            )
            store_recommendations([served_row(1, timestamp=at(1)), served_row(2, timestamp=at(1), user_id=8)])
            store_impressions([impression_row(1), impression_row(2, user_id=8)])
            store_coupons([coupon_row(id=99, user_id=9, timestamp=at(2))])
            attribute_step(at(3), timedelta(hours=24))


@pytest.fixture
def key(casino_a):
    return bearing(make_key(casino_a, Scope.CONFIGURE).text)


def _rows(casino, user_id):
    """The number of the user's rows in each table."""
    with connections[casino.current.alias].cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(
                f"SELECT count(*) FROM {table} WHERE {'id' if table == 'users' else 'user_id'} = %s", [user_id]
            )
            [found[table]] = cursor.fetchone()
        return found


def test_erased_user_leaves_no_row_and_others_lose_none(casino_a, casino_b, key):
    others = _rows(casino_a, 8), _rows(casino_b, 7)
    before = _rows(casino_a, 7)
    answer = Client().delete("/users/7", headers=key)
    assert answer.status_code == 200
    assert answer.json() == {"message": "User erased", "erased": before | {"dead_letters": 0, "fitted_models": 0}}
    assert set(_rows(casino_a, 7).values()) == {0}
    assert (_rows(casino_a, 8), _rows(casino_b, 7)) == others
    assert min(before[table] for table in TABLES if table != "waiting_coupons") > 0


def _store_user_vectors(*user_ids, is_served=True):
    vectors = np.array([[user_id, 0.5] for user_id in user_ids], dtype=np.float32)
    user_vectors = UserVectors(np.array(user_ids, dtype=np.int64), vectors)
    models = [("tastes", user_vectors.encode()), ("hybrid", DEFAULT_MODEL.encode())]
    return store_models(models, Fitting(coupons=1), is_served=is_served)


def _served(now):
    models = find([8], now, now.timestamp()).casino_context.models
    return (
        models.version,
        present(models.get(UserVectors)).user_ids.tolist(),
        present(models.get(CoBettors)).user_vectors.of(7),
    )


def test_erased_user_is_removed_from_all_models_of_the_casino_and_from_serving(casino_a, casino_b, key, now):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            _store_user_vectors(7, 8)
            _store_user_vectors(7, 8)
            _store_user_vectors(7, 8, is_served=False)
            assert _served(now)[:2] == ("2", [7, 8])
    assert Client().delete("/users/7", headers=key).json()["erased"]["fitted_models"] == 3
    with use_casino(casino_a.current):
        assert _served(now) == ("4", [8], None)
        rows = FittedModel.objects.filter(recommender="tastes").order_by("version")
        decoded = {row.version: present(decode(row, UserVectors)) for row in rows}
        assert {version: vectors.user_ids.tolist() for version, vectors in decoded.items()} == {1: [8], 3: [8], 4: [8]}
        assert present(decoded[4].of(8)).tolist() == [8, 0.5]
        assert model_cache.at(2, now).version == "4"  # for a request that read the number before the change
    with use_casino(casino_b.current):
        assert _served(now)[:2] == ("2", [7, 8])


def _users_of_51_and_52(now):
    """The number of users who bet on event 52 after event 51, by the served counts."""
    counts = present(find([8], now, now.timestamp()).casino_context.models.get(SequenceCounts))
    return counts.users_of(counts.next_bets, 51, 52)


def _store_bets_on_51_and_52():
    for number, event_id in enumerate((51, 52), start=300):
        bet_on = (selection_row(event_id=event_id),)
        store_coupons([coupon_row(id=number, user_id=7, timestamp=at(number), recommended_events=bet_on)])


@pytest.mark.covered
@pytest.mark.parametrize("has_vector", [True, False, None])  # None: no version is fitted
def test_bets_of_an_erased_user_leave_the_counts_in_memory(casino_a, casino_b, key, now, has_vector):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            _store_bets_on_51_and_52()
            if has_vector is not None:
                _store_user_vectors(*((7, 8) if has_vector else (8,)))
            assert _users_of_51_and_52(now) == 1
    assert Client().delete("/users/7", headers=key).json()["erased"]["fitted_models"] == bool(has_vector)
    with use_casino(casino_a.current):
        assert _users_of_51_and_52(now) == 0
        before, after = (None, "") if has_vector is None else (1, "2")
        assert model_cache.at(before, now).version == after  # for a request that read the number before the erasure
        assert _users_of_51_and_52(now) == 0
    with use_casino(casino_b.current):
        assert _users_of_51_and_52(now) == 1


def test_bets_leave_the_counts_in_memory_within_an_hour_of_a_refusal_or_their_removal(casino_a, now):
    with use_casino(casino_a.current):
        _store_bets_on_51_and_52()
        _store_user_vectors(8)
        assert _users_of_51_and_52(now) == 1
        store_users([user_row(id=7, timestamp=at(400), personalisation=False)])
        assert _users_of_51_and_52(now + RECOUNT_AFTER) == 0
        store_users([user_row(id=7, timestamp=at(401), personalisation=True)])
        assert _users_of_51_and_52(now + 2 * RECOUNT_AFTER) == 1
        remove_coupons([Removal(id=300, timestamp=at(402))])
        assert _users_of_51_and_52(now + 3 * RECOUNT_AFTER) == 0


def test_bets_that_were_removed_before_the_erasure_leave_the_counts_in_memory_at_once(casino_a, key, now):
    with use_casino(casino_a.current):
        _store_bets_on_51_and_52()
        _store_user_vectors(8)
        assert _users_of_51_and_52(now) == 1
        remove_coupons([Removal(id=number, timestamp=at(402)) for number in (300, 301)])
    Client().delete("/users/7", headers=key)
    with use_casino(casino_a.current):
        assert _users_of_51_and_52(now) == 0


def test_bets_that_a_restored_backup_brought_back_leave_the_counts_in_memory(casino_a, now):
    with use_casino(casino_a.current):
        forget_user(casino=casino_a, user_id=7, by="tests", now=at(5))
        store_users([user_row(id=7, timestamp=at(6))])
        for number, event_id in enumerate((51, 52), start=3):
            TalliedCouponFactory.create(
                id=number + 300, user_id=7, timestamp=at(number), recommended_events=[selection(event_id=event_id)]
            )
        _store_user_vectors(8)
        assert _users_of_51_and_52(now) == 1
        assert reapply_erasure(7, at(5))
        assert _users_of_51_and_52(now) == 0


def test_user_with_only_a_vector_can_be_exported_and_erased(casino_a, key):
    with use_casino(casino_a.current):
        _store_user_vectors(7)
        User.objects.filter(pk=7).delete()
        for table in TABLES[1:]:
            with connections["casino_1"].cursor() as cursor:
                cursor.execute(f"DELETE FROM {table} WHERE user_id = 7")
    assert Client().get("/users/7/export", headers=key).json()["tastes"] == {"1": [7.0, 0.5]}
    assert Client().delete("/users/7", headers=key).json()["erased"]["fitted_models"] == 1
    assert Client().get("/users/7/export", headers=key).status_code == 404


def test_user_erased_during_fitting_is_not_in_the_models(casino_a, key, now):
    Client().delete("/users/7", headers=key)
    with use_casino(casino_a.current):
        _store_user_vectors(7, 8)
        assert _served(now)[1] == [8]


def test_erasing_keeps_the_casinos_tallies(casino_a):
    with use_casino(casino_a.current):
        before = PendingCasinoSums.objects.count(), CasinoTally.objects.count()
        forget_user(casino=casino_a, user_id=7, by="tests", now=timezone.now())
        assert (PendingCasinoSums.objects.count(), CasinoTally.objects.count()) == before


def test_older_messages_do_not_store_an_erased_user_again(casino_a, key):
    Client().delete("/users/7", headers=key)
    with use_casino(casino_a.current):
        outcomes = [
            *store_users([user_row(id=7, name="Ada", timestamp=at(1))]),
            *store_coupons([coupon_row(id=200, user_id=7, timestamp=at(2))]),
            *store_recommendations([served_row(3)]),
            *store_impressions([impression_row(3)]),
        ]
        assert {outcome.result for outcome in outcomes} == {Result.STALE}
        assert not WaitingCoupon.objects.filter(user_id=7).exists()
    assert set(_rows(casino_a, 7).values()) == {0}


def test_older_messages_do_not_store_an_erased_user_without_id_again(casino_a):
    row = user_row(name="Grace", timestamp=at(1))
    with use_casino(casino_a.current):
        store_users([row])
        forget_user(casino=casino_a, user_id=User.objects.get(name="Grace").pk, by="tests", now=timezone.now())
        [again] = store_users([row])
        assert again.result == Result.STALE
        assert not User.objects.filter(name="Grace").exists()
        [later] = store_users([user_row(name="Grace", timestamp=timezone.now() + timedelta(hours=1))])
        assert later.result == Result.STORED


def test_erased_user_with_a_future_timestamp_is_not_stored_again_by_the_same_row(casino_a):
    ahead = timezone.now() + timedelta(days=1)
    with use_casino(casino_a.current):
        store_users([user_row(id=7, timestamp=ahead)])
        forget_user(casino=casino_a, user_id=7, by="tests", now=timezone.now())
        assert store_users([user_row(id=7, timestamp=ahead)])[0].result == Result.STALE


def test_erased_user_can_register_again_and_has_no_older_data(casino_a, key):
    Client().delete("/users/7", headers=key)
    with use_casino(casino_a.current):
        store_users([user_row(id=7, timestamp=timezone.now() + timedelta(hours=1))])
        assert not PurchasedCoupon.objects.filter(user_id=7).exists()
        [(user_id, erased_at)] = erased_users(casino_a).items()
        assert not reapply_erasure(user_id, erased_at)
        assert User.objects.filter(pk=7).exists()


def test_older_messages_store_nothing_for_a_user_who_registered_again(casino_a, key):
    Client().delete("/users/7", headers=key)
    later = timezone.now() + timedelta(hours=1)
    with use_casino(casino_a.current):
        store_users([user_row(id=7, timestamp=later)])
        old = [
            *store_coupons([coupon_row(id=200, user_id=7, timestamp=at(2)), coupon_row(user_id=7, timestamp=at(2))]),
            *store_recommendations([served_row(3, timestamp=at(2))]),
            *store_impressions([impression_row(3, timestamp=at(2))]),
        ]
        assert [outcome.result for outcome in old] == [Result.STALE] * 4
        mixed = [coupon_row(id=n, user_id=7, timestamp=at(2) if n % 2 else later) for n in range(200, 204)]
        stored, stale = Result.STORED, Result.STALE
        assert [outcome.result for outcome in store_coupons(mixed)] == [stored, stale, stored, stale]
        assert store_recommendations([served_row(3, timestamp=later)])[0].result == Result.STORED
        assert UserProfile.objects.get(user_id=7).coupon_count == 2


def test_reapplying_an_erasure_removes_rows_of_a_restored_backup(casino_a, key):
    Client().delete("/users/7", headers=key)
    with use_casino(casino_a.current):
        User.objects.create(
            id=7,
            name="Ada",
            surname="L",
            birth_year=1985,
            currency="EUR",
            country="X",
            gender="FEMALE",
            timestamp=at(1),
        )
        [(user_id, erased_at)] = erased_users(casino_a).items()
        assert reapply_erasure(user_id, erased_at)
        assert not User.objects.filter(pk=7).exists()


def test_reapplying_an_erasure_keeps_later_rows_of_a_user_who_registered_again(casino_a, key):
    Client().delete("/users/7", headers=key)
    with use_casino(casino_a.current):
        [(user_id, erased_at)] = erased_users(casino_a).items()
        later = erased_at + timedelta(minutes=1)
        store_users([user_row(id=7, timestamp=later)])
        store_coupons([coupon_row(id=300, user_id=7, timestamp=later)])
        store_impressions([impression_row(5, timestamp=later)])
        Impression.objects.create(user_id=7, recommendation_id=UUID(int=4), kind="seen", timestamp=erased_at)
        for coupon_id in (301, 302):  # directly, as a restored backup does
            TalliedCouponFactory.create(id=coupon_id, user_id=7, timestamp=erased_at - timedelta(days=1))
        assert reapply_erasure(user_id, erased_at)
        assert list(PurchasedCoupon.objects.filter(user_id=7).values_list("id", flat=True)) == [300]
        assert Impression.objects.get(user_id=7).recommendation_id == UUID(int=5)
        assert UserProfile.objects.get(user_id=7).coupon_count == 1
        assert User.objects.filter(pk=7).exists()
        assert not reapply_erasure(user_id, erased_at)


def test_waiting_coupons_of_an_unknown_user_are_erased(casino_a, key):
    assert Client().delete("/users/9", headers=key).json()["erased"]["waiting_coupons"] == 1
    assert not _rows(casino_a, 9)["waiting_coupons"]


def test_export_contains_all_data_of_the_user(casino_a, key):
    document = Client().get("/users/7/export", headers=key).json()
    assert document["user"]["name"] == "Ada"
    assert len(document["coupons"]) == _rows(casino_a, 7)["purchased_coupons"]
    assert len(document["served_recommendations"]) == 1
    [impression] = document["impressions"]
    assert (impression["recommendation_id"], impression["kind"]) == (str(UUID(int=1)), "seen")
    assert document["profile"]["coupon_count"] == len(document["coupons"])
    assert sum(document["tallies"]["sport"].values()) == sum(
        len(coupon["recommended_events"]) for coupon in document["coupons"]
    )
    assert Client().get("/users/9/export", headers=key).json()["waiting_coupons"][0]["coupon_id"] == 99


def test_export_above_the_size_of_a_response_is_refused_and_not_recorded(casino_a, key, monkeypatch):
    assert Client().get("/users/7/export", headers=key).status_code == 200
    PrivacyRecord.objects.all().delete()
    monkeypatch.setattr("recommendations.api.user_views.MAX_RESPONSE_BYTES", 500)
    answer = Client().get("/users/7/export", headers=key)
    assert (answer.status_code, answer.json()["code"]) == (413, "export_too_large")
    assert "manage.py export_user" in answer.json()["error"]
    assert not PrivacyRecord.objects.exists()


@pytest.mark.covered
@pytest.mark.parametrize(("method", "path"), [("delete", "/users/{}"), ("get", "/users/{}/export")])
@pytest.mark.parametrize("user_id", ["1000", "none", "0", "9" * 30])
def test_unknown_user_gets_404_and_no_audit_record(key, method, path, user_id):
    answer = getattr(Client(), method)(path.format(user_id), headers=key)
    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
    assert not PrivacyRecord.objects.exists()


def test_audit_log_records_export_and_erasure_with_the_caller(casino_a, key):
    Client().get("/users/7/export", headers=key)
    Client().delete("/users/7", headers=key)
    prefix = casino_a.api_keys.get().prefix
    assert list(PrivacyRecord.objects.order_by("id").values_list("casino_id", "user_id", "action", "asked_by")) == [
        (1, "7", "exported", f"API key {prefix}"),
        (1, "7", "erased", f"API key {prefix}"),
    ]
    assert not PrivacyRecord.objects.filter(done_at=None).exists()


@pytest.mark.parametrize("scope", [Scope.RECOMMEND, Scope.TEST])
def test_api_key_requires_the_configure_scope(casino_a, scope):
    headers = bearing(make_key(casino_a, scope).text)
    assert Client().delete("/users/7", headers=headers).status_code == 403
    assert Client().get("/users/7/export", headers=headers).status_code == 403
    assert _rows(casino_a, 7)["users"] == 1


@pytest.mark.covered
@pytest.mark.parametrize(
    ("method", "path", "codename"), [("delete", "/users/7", "delete_user"), ("get", "/users/7/export", "view_user")]
)
def test_staff_login_requires_the_permission(django_user_model, casino_a, method, path, codename):
    staff = django_user_model.objects.create_user("staff", is_staff=True)
    client = Client()
    client.force_login(staff)

    def ask() -> int:
        status: int = getattr(client, method)(path, headers={"Casino-ID": "1"}).status_code
        return status

    assert ask() == 403
    staff.user_permissions.add(Permission.objects.get(codename=codename, content_type__app_label="recommendations"))
    assert ask() == 200
    assert PrivacyRecord.objects.get().asked_by == "login staff"


def test_bound_login_sees_only_the_records_of_its_casinos(django_user_model, casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            forget_user(casino=casino, user_id=7, by=f"of {casino.name}", now=timezone.now())
    staff = django_user_model.objects.create_user("bound", is_staff=True)
    staff.user_permissions.set(Permission.objects.all())
    StaffBinding.objects.create(user=staff).casinos.set([casino_a])
    client = Client()
    client.force_login(staff)
    page = client.get("/admin/tenants/privacyrecord/").content.decode()
    assert "of Alpha" in page
    assert "of Beta" not in page


def test_command_exports_a_user(casino_a):
    document = json.loads(run_out("export_user", "--casino", "1", "7"))
    with use_casino(casino_a.current):
        assert document["user_id"] == 7
        assert len(document["coupons"]) == PurchasedCoupon.objects.filter(user_id=7).count()
        assert ServedSlip.objects.filter(user_id=7).count() == len(document["served_recommendations"])
    with pytest.raises(CommandError, match="has no data of user 1000"):
        run_out("export_user", "--casino", "1", "1000")


def run_out(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()
