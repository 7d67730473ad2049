"""The commands parked and ingestion_status. Rows are really committed."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ingestion.consumer.consumer import TopicConsumer
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.kafka_client import Until, closed_port, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.topics import COUPONS, TOPICS, USERS
from recommendations.models import PurchasedCoupon
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]


def output_of(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def coupons_in(casino):
    with use_casino(casino.current):
        return PurchasedCoupon.objects.count()


@pytest.fixture
def users_7(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory(id=7)


def test_list_without_parked_messages_says_so(broker, casino_a):
    assert output_of("parked", "list") == output_of("parked", "drain") == "No messages are parked.\n"


def test_parked_messages_are_listed_by_casino_and_drained_when_available_again(broker, casino_a, casino_b, users_7):
    with database_unavailable(casino_b) as restore:
        for partition in (0, 1):
            send(COUPONS, [(2, coupon()), (1, coupon()), (2, coupon())], partition=partition)
        assert consume(COUPONS, 6).counts == {(2, "parked"): 4, (1, "stored"): 2}
        [parked] = json.loads(output_of("parked", "list", "--json"))
        assert (parked["topic"], parked["casino_id"], parked["count"]) == ("coupons", 2, 4)
        assert "does not exist" in parked["reason"]
        assert output_of("parked", "list", "--casino", "1") == "No messages are parked.\n"
        assert output_of("parked", "drain") == "4 still parked\n"
        restore()
    assert output_of("parked", "drain") == "4 stored\n"
    assert coupons_in(casino_b) == 4
    assert output_of("parked", "list") == "No messages are parked.\n"
    assert output_of("parked", "drain") == "No messages are parked.\n"


def test_consumers_find_drained_messages_in_the_ledger(broker, casino_a, casino_b, users_7):
    with database_unavailable(casino_b):
        send(COUPONS, [(2, coupon()), (2, coupon())])
        consume(COUPONS, 2)
    output_of("parked", "drain")
    send(COUPONS, [(2, coupon())])
    consumer = TopicConsumer(COUPONS, Until(lambda: consumer.counts[2, "stored"] >= 1))
    consumer.run()
    assert (consumer.counts[2, "stored"], consumer.counts[2, "repeated"]) == (1, 2)
    assert coupons_in(casino_b) == 3


def test_status_shows_lag_counts_and_outages(broker, casino_a, casino_b, users_7):
    send(USERS, [(1, user(id=8)), (1, b"{"), (2, user(id=8))])
    consume(USERS, 3)
    send(USERS, [(1, user(id=9))])
    send(COUPONS, [(1, coupon(user_id=404))])
    consume(COUPONS, 1)
    with database_unavailable(casino_b):
        status = json.loads(output_of("ingestion_status", "--json"))
        text = output_of("ingestion_status", "--casino", "2")
    lags = {(each["topic"], each["partition"]): each["lag"] for each in status["partitions"]}
    assert lags == {(topic, number): 0 for topic in TOPICS for number in range(3)} | {("users", 0): 1}
    alpha, beta = status["casinos"]
    assert (alpha["stored"], alpha["rejected"], alpha["waiting"], alpha["parked"]) == (1, 1, 1, 0)
    assert alpha["last_error"].startswith("users: malformed: ")
    assert "does not exist" in beta["last_error"]
    assert "Beta" in text


@pytest.mark.parametrize("call", [("parked", "list"), ("ingestion_status",)])
def test_unavailable_broker_is_an_error(casino_a, settings, call):
    settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_ANSWER_SECONDS = closed_port(), 0.5
    with pytest.raises(CommandError, match="Kafka: "):
        output_of(*call)


def test_status_of_an_unknown_casino_is_one_line(casino_a, broker):
    with pytest.raises(CommandError) as error:
        output_of("ingestion_status", "--casino", "99")
    assert str(error.value) == "No casino with a complete database has the id 99; see `manage.py casino list`."


def test_status_without_any_broker_is_one_line(casino_a, settings, tmp_path):
    settings.EMBEDDED_BROKER_FILE = tmp_path / "broker.json"
    with pytest.raises(CommandError) as error:
        output_of("ingestion_status")
    assert "KAFKA_BOOTSTRAP_SERVERS" in str(error.value)
    assert "\n" not in str(error.value)
