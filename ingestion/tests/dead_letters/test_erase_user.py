"""`manage.py forget_user`: the user's rows and dead letters. Rows are really committed."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ingestion.dead_letters.log import DeadLetterQuery, list_dead_letters
from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.topics import COUPONS, USERS
from recommendations.models import User
from recommendations.tests.factories import UserFactory
from tenants.models import PrivacyRecord
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def forget(*arguments):
    out = StringIO()
    call_command("forget_user", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def rejected_messages(broker, casino_a, casino_b):
    """Dead letters of user 7 in both casinos, and of user 8; and user 7 of casino A."""
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
    unknown = {"currency": "$"}
    send(USERS, [(1, user(id=7, **unknown)), (1, user(id=8, **unknown)), (2, user(id=7, **unknown)), (1, b"{")])
    consume(USERS, 4)
    send(COUPONS, [(1, coupon(user_id=7, stake=-1)), (1, coupon(user_id=8, stake=-1)), (1, b"[7]")])
    consume(COUPONS, 3)


def test_user_is_erased_with_the_dead_letters_about_them(rejected_messages, casino_a, casino_b):
    assert "2 dead letters purged" in forget("--casino", "1", "7")
    with use_casino(casino_a.current):
        assert not User.objects.exists()
    assert len(list_dead_letters(DeadLetterQuery(casino_id=1))) == 4
    assert len(list_dead_letters(DeadLetterQuery(casino_id=2))) == 1
    record = PrivacyRecord.objects.get()
    assert (record.casino_id, record.user_id) == (1, 7)
    assert record.asked_by.startswith("command line")


@pytest.mark.parametrize("user_id", [[7], True, None])
def test_dead_letter_with_an_invalid_user_id_is_kept(broker, casino_a, user_id):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
        UserFactory.create(id=1)
    send(COUPONS, [(1, coupon(user_id=user_id, stake=-1)), (1, b"[" * 100_000)])
    consume(COUPONS, 2)
    for erased in ("7", "1"):
        assert "0 dead letters purged" in forget("--casino", "1", erased)


def test_dead_letter_with_the_id_as_text_is_found(broker, casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
    send(COUPONS, [(1, coupon(user_id="7", stake=-1))])
    consume(COUPONS, 1)
    assert "1 dead letters purged" in forget("--casino", "1", "7")


def test_again_purges_dead_letters_of_users_erased_by_the_api(rejected_messages, casino_a):
    PrivacyRecord.objects.create(casino_id=1, user_id=7, action="erased", asked_by="API key")
    text = forget("--casino", "1", "--again")
    assert "0 of 1 erased users" in text or "1 of 1 erased users" in text
    assert "2 dead letters purged" in text
    assert "0 dead letters purged" in forget("--casino", "1", "--again")


def test_later_dead_letters_of_a_user_registered_again_are_kept(rejected_messages, casino_a, now):
    forget("--casino", "1", "7")
    with use_casino(casino_a.current):
        UserFactory.create(id=7, timestamp=datetime.now(UTC) + timedelta(seconds=1))
    send(COUPONS, [(1, coupon(user_id=7, stake=-1))])
    consume(COUPONS, 1)
    before = len(list_dead_letters(DeadLetterQuery(casino_id=1)))
    assert "0 dead letters purged" in forget("--casino", "1", "--again")
    assert len(list_dead_letters(DeadLetterQuery(casino_id=1))) == before


def test_unknown_user_is_an_error(broker, casino_a):
    with pytest.raises(CommandError, match="no data of user 1000"):
        forget("--casino", "1", "1000")
