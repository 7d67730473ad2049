"""Erasing a user erases the user's dead letters. Rows are really committed."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, served, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, RECOMMENDATIONS, USERS
from recommendations.models import User
from recommendations.storing.privacy import forget_user
from recommendations.tests.factories import UserFactory
from tenants.models import Casino, PrivacyRecord
from tenants.routing.context import use_casino

from .test_write import CASINO, produce

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def forget(*arguments):
    out = StringIO()
    call_command("forget_user", *arguments, stdout=out)
    return out.getvalue()


def users_of_letters(casino_id=1):
    """The users of the casino's dead letters."""
    return [letter.row.user_id for letter in stored_letters(casino_id=casino_id)]


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


@pytest.mark.covered
def test_user_is_erased_with_the_dead_letters_about_them(rejected_messages, casino_a, casino_b):
    assert "2 dead_letters" in forget("--casino", "1", "7")
    with use_casino(casino_a.current):
        assert not User.objects.exists()
    assert users_of_letters(1) == ["8", None, "8", None]
    assert users_of_letters(2) == ["7"]
    record = PrivacyRecord.objects.get()
    assert (record.casino_id, record.user_id) == (1, "7")
    assert record.asked_by.startswith("command line")


@pytest.mark.covered
def test_erasure_by_the_api_erases_dead_letters_too(rejected_messages, casino_a, now):
    with use_casino(casino_a.current):
        erased = forget_user(casino=casino_a, user_id=7, by="API key", now=now)
    assert erased["dead_letters"] == 2
    assert "7" not in users_of_letters(1)


@pytest.mark.covered
def test_user_who_has_nothing_but_dead_letters_is_erased(rejected_messages):
    assert "2 dead_letters" in forget("--casino", "1", "8")
    with pytest.raises(CommandError, match="no data of user 8"):
        forget("--casino", "1", "8")


@pytest.mark.covered
@pytest.mark.parametrize("by_api", [False, True])
def test_user_with_a_text_id_who_has_nothing_but_dead_letters_is_erased(broker, casino_a, by_api):
    send(COUPONS, [(1, coupon(user_id="sr:7", stake=-1)), (1, coupon(user_id="SR:7", stake=-1))])
    consume(COUPONS, 2)
    if by_api:
        with use_casino(casino_a.current):
            forget_user(casino=casino_a, user_id="sr:7", by="API key", now=datetime.now(UTC))
    else:
        assert "1 dead_letters" in forget("--casino", "1", "sr:7")
    assert users_of_letters() == ["SR:7"]


@pytest.mark.covered
def test_message_of_an_erased_user_without_rows_that_arrives_later_is_no_dead_letter(broker, casino_a):
    send(COUPONS, [(1, coupon(user_id="sr:7", stake=-1))])
    consume(COUPONS, 1)
    send(COUPONS, [(1, coupon(user_id="sr:7", stake=-2))])
    forget("--casino", "1", "sr:7")
    consume(COUPONS, 1)
    assert stored_letters() == []


def test_again_erases_dead_letters_of_a_text_id_that_a_restored_backup_does_not_know(broker, casino_a):
    send(COUPONS, [(1, coupon(user_id="sr:7", stake=-1))])
    consume(COUPONS, 1)
    PrivacyRecord.objects.create(casino_id=1, user_id="sr:7", action="erased", asked_by="API key")
    assert "1 of 1 erased user of" in forget("--casino", "1", "--again")
    assert stored_letters() == []


@pytest.mark.covered
def test_closed_dead_letters_of_the_user_are_erased_as_well(rejected_messages):
    call_command("dead_letters", "replay", "--casino", "1", "--yes", stdout=StringIO(), stderr=StringIO())
    assert "2 dead_letters" in forget("--casino", "1", "7")


def test_dead_letters_of_the_time_before_the_casino_was_known_are_erased(broker, casino_a):
    Casino.objects.filter(pk=1).update(state="deleted")
    send(USERS, [(1, user(id=7)), (99, user(id=7))])
    consume(USERS, 2)
    Casino.objects.filter(pk=1).update(state="active")
    assert "1 dead_letters" in forget("--casino", "1", "7")
    assert [letter.casino_id for letter in stored_letters()] == [99]


@pytest.mark.covered
def test_tombstone_of_a_user_erases_earlier_dead_letters_also_of_its_own_batch(rejected_messages, casino_a):
    send(USERS, [(1, user(id=7, name="x" * 101))])
    produce((None, b"7", [CASINO]), topic=USERS)
    send(USERS, [(1, user(id=7, name="x" * 101))])
    assert consume(USERS, 3).counts == {(1, "too_long"): 2, (1, "removed"): 1}
    letters = [letter for letter in stored_letters(casino_id=1) if letter.row.user_id == "7"]
    assert [letter.message.place.offset for letter in letters] in ([6], [])  # sent later, or in the same millisecond
    assert users_of_letters(1).count("8") == 2
    assert users_of_letters(2) == ["7"]


def test_message_of_an_erased_user_that_arrives_later_is_no_dead_letter(broker, casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
    send(COUPONS, [(1, coupon(user_id=7, stake=-1))])
    forget("--casino", "1", "7")
    assert consume(COUPONS, 1).counts == {(1, "out_of_range"): 1}
    assert stored_letters() == []


@pytest.mark.covered
@pytest.mark.parametrize("user_id", [[7], True, None, 7.5, "", "7\u0000", -7, "x" * 129])
def test_dead_letter_with_an_unreadable_user_id_is_kept(broker, casino_a, user_id):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
        UserFactory.create(id=1)
    send(COUPONS, [(1, coupon(user_id=user_id, stake=-1)), (1, b"[" * 100_000)])
    consume(COUPONS, 2)
    assert users_of_letters() == [None, None]
    for erased in ("7", "1"):
        assert "dead_letters" not in forget("--casino", "1", erased)
    assert len(stored_letters()) == 2


@pytest.mark.covered
@pytest.mark.parametrize("user_id", ["7", 7])
def test_dead_letter_is_found_by_each_form_of_the_id(broker, casino_a, user_id):
    send(RECOMMENDATIONS, [(1, served(user_id=user_id, stake=-1))])
    consume(RECOMMENDATIONS, 1)
    assert users_of_letters() == ["7"]


def test_damaged_message_that_restricts_a_user_is_a_dead_letter_of_that_user(broker, casino_a):
    send(USERS, [(1, b'{"id": 7, "status": "SELF_EXCLUDED", "name": "Ada')])
    consume(USERS, 1)
    assert users_of_letters() == ["7"]


@pytest.mark.covered
def test_again_erases_dead_letters_that_a_restored_backup_brought_back(rejected_messages, casino_a):
    PrivacyRecord.objects.create(casino_id=1, user_id=7, action="erased", asked_by="API key")
    assert "1 of 1 erased user of" in forget("--casino", "1", "--again")
    assert "7" not in users_of_letters(1)
    assert "0 of 1 erased user of" in forget("--casino", "1", "--again")


@pytest.mark.covered
def test_later_dead_letters_of_a_user_registered_again_are_kept(rejected_messages, casino_a, now):
    forget("--casino", "1", "7")
    with use_casino(casino_a.current):
        UserFactory.create(id=7, timestamp=datetime.now(UTC) + timedelta(seconds=1))
    send(COUPONS, [(1, coupon(user_id=7, stake=-1))])
    consume(COUPONS, 1)
    forget("--casino", "1", "--again")
    assert users_of_letters(1).count("7") == 1


def test_unknown_user_is_an_error(casino_a):
    with pytest.raises(CommandError, match="no data of user 1000"):
        forget("--casino", "1", "1000")
