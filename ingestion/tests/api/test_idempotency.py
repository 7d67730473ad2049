"""Idempotency-Key: a repeated request stores no message twice, and gets the first response. Rows are really
committed."""

import pytest
from django.db import connections

from ingestion.models import Upload
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user, without
from ingestion.tests.storing.test_transaction import trigger
from ingestion.uploads.requests import CHUNK
from recommendations.models import PurchasedCoupon, User, UserProfile
from recommendations.tests.factories import UserFactory
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from tenants.routing.context import use_casino

from .conftest import LINES, Sender

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]


@pytest.fixture
def user_7(casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)


def coupons(casino):
    with use_casino(casino.current):
        assert_counts_equal_a_recount()
        return PurchasedCoupon.objects.count()


def test_a_repeat_stores_nothing_and_has_the_same_answer_but_for_details(sender, casino_a, user_7):
    body = [coupon(), coupon(id=5), without(coupon(), "stake"), coupon()]
    first, again = (sender.post("/coupons", body, key="order-1") for _ in range(2))
    assert first.status_code == again.status_code == 207
    assert first.json()["outcomes"] == {"stored": 3, "rejected": 1}
    answer = first.json()
    assert answer["items"][2].pop("detail") == "Object missing required field `stake`"
    assert again.json() == answer
    assert coupons(casino_a) == 3


def test_the_same_coupons_with_another_key_are_others(sender, casino_a, user_7):
    for key in ("a", "b"):
        assert sender.outcomes("/coupons", [coupon(), coupon()], key=key) == ["stored", "stored"]
    assert coupons(casino_a) == 4


@pytest.mark.parametrize(
    ("path", "body", "media_type"),
    [
        ("/users", [user(id=2)], "application/json"),
        ("/users", [user(id=1)], LINES),
        ("/events", [user(id=1)], "application/json"),
    ],
)
def test_a_key_of_another_request_is_refused(sender, casino_a, path, body, media_type):
    sender.post("/users", [user(id=1)], key="a")
    response = sender.post(path, body, key="a", media_type=media_type)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    with use_casino(casino_a.current):
        assert User.objects.get().id == 1


def test_a_key_belongs_to_its_casino(sender, casino_a, casino_b):
    assert sender.outcomes("/users", [user(id=1)], key="a") == ["stored"]
    assert Sender(casino_b).outcomes("/users", [user(id=2)], key="a") == ["stored"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "é"])
def test_an_invalid_key_is_refused(sender, key):
    response = sender.post("/users", user(), key=key)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")


def test_a_coupon_keeps_its_key_after_the_request_is_forgotten(sender, casino_a, user_7):
    assert sender.outcomes("/coupons", [coupon()], key="a") == ["stored"]
    with use_casino(casino_a.current):
        Upload.objects.all().delete()
    assert sender.outcomes("/coupons", [coupon()], key="a") == ["duplicate"]
    with use_casino(casino_a.current):
        Upload.objects.all().delete()
    assert sender.outcomes("/coupons", [coupon(stake=3)], key="a") == ["stored"]


def test_of_two_requests_at_once_one_stores_and_the_other_must_wait(sender, casino_a):
    other = connections["casino_1"].copy("casino_1")
    with other.cursor() as cursor:
        key = "hashtextextended('http:a', 'ingestion_uploads'::regclass::oid::bigint)"
        cursor.execute(f"SELECT pg_advisory_lock({key})")
    response = sender.post("/users", user(), key="a")
    other.close()
    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (
        409,
        "idempotency_key_in_use",
        "1",
    )
    assert sender.outcomes("/users", user(), key="a") == ["stored"]


@pytest.mark.covered
def test_a_request_that_failed_half_way_is_continued(sender, casino_a, user_7):
    batch = [coupon(stake=1 + number % 7) for number in range(CHUNK + 5)]
    with trigger(
        "IF NEW.stake_total > 4000 THEN RAISE SQLSTATE 'XX999'; END IF;", table="users_profile", when="BEFORE UPDATE"
    ):
        response = sender.post("/coupons", batch, key="a")
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert "Retry-After" in response
    assert coupons(casino_a) == CHUNK
    answers = [sender.post("/coupons", batch, key="a") for _ in range(2)]
    assert answers[0].json()["outcomes"] == {"stored": CHUNK + 5}
    assert answers[0].content == answers[1].content
    assert coupons(casino_a) == CHUNK + 5


def test_messages_are_as_old_in_a_repeat_as_in_the_first_try(sender, casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)
    body = [{"id": 1_000_000 + number, "status": "closed"} for number in range(CHUNK)]
    body += [{"id": 7, "status": "closed"}]
    with trigger("IF NEW.id = 7 AND NEW.status = 'CLOSED' THEN RAISE SQLSTATE 'XX999'; END IF;", when="BEFORE UPDATE"):
        assert sender.post("/users", body, key="a").status_code == 503
    sender.post("/users", {"id": 7, "status": "active"})
    sender.post("/users", body, key="a")
    with use_casino(casino_a.current):
        assert User.objects.get(id=7).status == "ACTIVE"


def test_nothing_is_stored_and_nothing_remembered_while_the_database_refuses(sender, casino_a):
    with trigger("RAISE SQLSTATE '57014';"):
        assert sender.post("/users", user(), key="a").status_code == 503
    with use_casino(casino_a.current):
        assert (User.objects.count(), Upload.objects.count(), UserProfile.objects.count()) == (0, 0, 0)
    assert sender.outcomes("/users", user(), key="a") == ["stored"]
