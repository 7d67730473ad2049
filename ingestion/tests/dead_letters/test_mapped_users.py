"""The users of dead letters, in a casino whose messages a mapping reads."""

from datetime import UTC, datetime

import pytest

from ingestion.dead_letters.purge import purge
from ingestion.models import DeadLetter
from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, USERS
from recommendations.errors import UserNotFound
from recommendations.storing.privacy import forget_user
from tenants.models import Casino
from tenants.routing.context import use_casino

from .test_write import CASINO, produce

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

PLAYERS = {"messages": "users", "each": "players", "fields": {"id": "no", "name": "name", "currency": "money"}}
BETS = {"messages": "coupons", "fields": {"id": "bet", "user_id": "player.no", "stake": "amount"}}


@pytest.fixture(autouse=True)
def mapped(broker, casino_a, casino_b):
    Casino.objects.filter(pk=casino_a.pk).update(options={"mapping": {"users": PLAYERS, "coupons": BETS}})


def player(number, **fields):
    return {"no": number, "money": "EUR"} | fields


def reject_users(*players, **document):
    send(USERS, [(1, document | {"players": players})])
    consume(USERS, 1)


def users_of_letters():
    return [letter.row.user_ids for letter in stored_letters(casino_id=1)]


def forget(casino, user_id):
    with use_casino(casino.current):
        return forget_user(casino=casino, user_id=user_id, by="test", now=datetime.now(UTC))


def test_a_dead_letter_belongs_to_the_user_of_the_mapped_message(casino_a):
    send(COUPONS, [(1, {"id": 8, "user_id": 8, "bet": 5, "player": {"no": "sr:7"}, "amount": -1})])
    consume(COUPONS, 1)
    assert users_of_letters() == [["sr:7"]]
    assert forget(casino_a, "sr:7")["dead_letters"] == 1


def test_fields_of_the_document_itself_name_no_user(casino_a):
    reject_users(player(None, name="x" * 101), id=8)
    produce((None, b"8", [CASINO]), topic=USERS)
    consume(USERS, 1)
    assert users_of_letters() == [[]]


def test_a_document_that_can_not_be_read_belongs_to_the_user_of_its_key(casino_a):
    produce((b'{"id": 8', b"7", [CASINO]), topic=USERS)
    consume(USERS, 1)
    assert users_of_letters() == [["7"]]


def test_a_document_about_several_users_belongs_to_each_of_them(casino_a):
    reject_users(player(1), player("sr:2", name="x" * 101), player(3), player(1))
    assert users_of_letters() == [["1", "sr:2", "3"]]


@pytest.mark.covered
@pytest.mark.parametrize("erased", [1, "sr:2", 3])
def test_a_document_about_several_users_is_erased_with_any_of_them(casino_a, erased):
    reject_users(player(1), player("sr:2", name="x" * 101), player(3))
    reject_users(player(4), player("sr:22", name="x" * 101), player(5))
    assert forget(casino_a, erased)["dead_letters"] == 1
    assert users_of_letters() == [["4", "sr:22", "5"]]


@pytest.mark.parametrize("erased", [1, "sr:2"])
def test_a_document_sent_before_one_of_its_users_was_erased_is_no_dead_letter(casino_a, erased):
    reject_users(player(erased))
    send(USERS, [(1, {"players": [player(1), player("sr:2", name="x" * 101), player(3)]})])
    forget(casino_a, erased)
    consume(USERS, 1)
    assert users_of_letters() == []


def test_a_purged_dead_letter_names_no_user(casino_a):
    reject_users(player(1), player(2, name="x" * 101))
    with use_casino(casino_a.current):
        purge(DeadLetter.objects.all(), datetime.now(UTC))
        assert [letter.user_ids for letter in DeadLetter.objects.all()] == [[]]
    forget(casino_a, 1)  # who is stored
    with pytest.raises(UserNotFound):
        forget(casino_a, 2)
