"""The export of a user's data has the dead letters about the user. Rows are really committed."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ingestion.dead_letters.export import MAX_LETTERS, MAX_MESSAGE_BYTES
from ingestion.models import DeadLetter
from ingestion.tests.decoded_messages import body_of
from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, served, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, RECOMMENDATIONS, USERS
from recommendations.errors import ExportTooLarge
from recommendations.models import TextId
from recommendations.storing import store_users
from recommendations.storing.privacy import export_user
from recommendations.tests.factories import user_row
from recommendations.text_ids import Kind, id_of
from tenants.models import UnassignedDeadLetter
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def exported(user_id, casino_id=1):
    out = StringIO()
    call_command("export_user", "--casino", str(casino_id), user_id, stdout=out)
    return json.loads(out.getvalue())


def test_each_dead_letter_is_exported_with_its_message_and_nobody_elses(broker, casino_a, casino_b):
    message, earlier = coupon(user_id="sr:7", stake=-1), user(id="sr:7", name="x" * 101)
    send(USERS, [(1, earlier)])
    consume(USERS, 1)
    send(COUPONS, [(1, message), (1, coupon(user_id="sr:8", stake=-1)), (2, coupon(user_id="sr:7", stake=-2))])
    consume(COUPONS, 3)
    found = exported("sr:7")
    assert (found["user_id"], found["user"]) == ("sr:7", None)
    assert [(each["topic"], each["reason"], each["field"], each["message"]) for each in found["dead_letters"]] == [
        ("coupons", "out_of_range", "stake", (body_of(message) or b"").decode()),
        ("users", "too_long", "name", (body_of(earlier) or b"").decode()),
    ]
    with use_casino(casino_a.current):
        assert not TextId.objects.exists(), "an export assigns no number"


def test_letters_that_name_the_user_by_number_and_those_of_the_catalogue_are_exported(broker, casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id="sr:7")])
        number = id_of(Kind.USERS, "sr:7")
    send(RECOMMENDATIONS, [(1, served(user_id=number, stake=-1))])
    consume(RECOMMENDATIONS, 1)
    send(COUPONS, [(77, coupon(user_id="sr:7", stake=-1)), (78, coupon(user_id="sr:7", stake=-1))])
    consume(COUPONS, 2)
    UnassignedDeadLetter.objects.filter(casino_id=77).update(casino_id=1)
    assert [each["topic"] for each in exported("sr:7")["dead_letters"]] == ["recommendations", "coupons"]


def test_long_messages_and_those_about_others_too_are_exported_without_their_content(broker, casino_a):
    send(USERS, [(1, user(id=7, name="x" * MAX_MESSAGE_BYTES)), (1, user(id=8, name="x" * 101))])
    consume(USERS, 2)
    with use_casino(casino_a.current):
        DeadLetter.objects.filter(user_id="8").update(other_user_ids=["7", "9"])
    letters = exported("7")["dead_letters"]
    assert [each["message"] for each in letters] == [None, None]
    assert letters[1]["size"] > MAX_MESSAGE_BYTES


@pytest.mark.covered
def test_the_latest_are_exported_up_to_a_number(broker, casino_a):
    send(COUPONS, [(1, coupon(user_id=7, stake=-1))])
    consume(COUPONS, 1)
    with use_casino(casino_a.current):
        first = DeadLetter.objects.get()
        copies = [DeadLetter(**letter_of(first), place=f"copy {number}") for number in range(MAX_LETTERS)]
        DeadLetter.objects.bulk_create(copies)
    letters = exported("7")["dead_letters"]
    assert [letters[0]["place"], letters[-1]["place"]] == [f"copy {MAX_LETTERS - 1}", "copy 0"]


def letter_of(letter):
    names = [field.attname for field in DeadLetter._meta.concrete_fields if field.attname not in ("id", "place")]
    return {name: getattr(letter, name) for name in names}


def test_messages_count_for_the_size_of_a_response(broker, casino_a):
    send(COUPONS, [(1, coupon(user_id=7, stake=-1))])
    consume(COUPONS, 1)
    [letter] = stored_letters()
    with use_casino(casino_a.current):
        with pytest.raises(ExportTooLarge):
            export_user(casino=casino_a, user_id=7, by="test", at_most=letter.row.size - 1)
        assert export_user(casino=casino_a, user_id=7, by="test", at_most=letter.row.size)["dead_letters"]


def test_user_without_anything_is_an_error(casino_a):
    with pytest.raises(CommandError, match="no data of user sr:7"):
        exported("sr:7")
