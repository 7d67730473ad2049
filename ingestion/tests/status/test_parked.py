"""What waits, listed and stored by hand, and how ingestion stands. Rows are really committed."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ingestion.consumer.consumer import TopicConsumer
from ingestion.tests.database_outages import database_away
from ingestion.tests.kafka_client import Until, closed_port, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.topics import COUPONS, TOPICS, USERS
from recommendations.models import PurchasedCoupon
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def said(command, *arguments):
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


def test_nothing_parked_is_said_so(broker, casino_a):
    assert said("parked", "list") == said("parked", "drain") == "No messages are parked.\n"


def test_what_waits_is_listed_by_casino_and_drained_when_the_database_is_back(broker, casino_a, casino_b, users_7):
    with database_away(casino_b) as come_back:
        for partition in (0, 1):
            send(COUPONS, [(2, coupon()), (1, coupon()), (2, coupon())], partition=partition)
        assert consume(COUPONS, 6).counts == {(2, "parked"): 4, (1, "stored"): 2}
        [parked] = json.loads(said("parked", "list", "--json"))
        assert (parked["topic"], parked["casino_id"], parked["count"]) == ("coupons", 2, 4)
        assert "does not exist" in parked["reason"]
        assert said("parked", "list", "--casino", "1") == "No messages are parked.\n"
        assert said("parked", "drain") == "4 still parked\n"
        come_back()
    assert said("parked", "drain") == "4 stored\n"
    assert coupons_in(casino_b) == 4
    assert said("parked", "list") == "No messages are parked.\n"
    assert said("parked", "drain") == "No messages are parked.\n"


def test_the_consumers_find_in_the_ledger_what_was_drained_by_hand(broker, casino_a, casino_b, users_7):
    with database_away(casino_b):
        send(COUPONS, [(2, coupon()), (2, coupon())])
        consume(COUPONS, 2)
    said("parked", "drain")
    send(COUPONS, [(2, coupon())])
    consumer = TopicConsumer(COUPONS, Until(lambda: consumer.counts[2, "stored"] >= 1))
    consumer.run()
    assert (consumer.counts[2, "stored"], consumer.counts[2, "repeated"]) == (1, 2)
    assert coupons_in(casino_b) == 3


def test_status_tells_of_lag_counts_and_outages(broker, casino_a, casino_b, users_7):
    send(USERS, [(1, user(id=8)), (1, b"{"), (2, user(id=8))])
    consume(USERS, 3)
    send(USERS, [(1, user(id=9))])
    send(COUPONS, [(1, coupon(user_id=404))])
    consume(COUPONS, 1)
    with database_away(casino_b):
        status = json.loads(said("ingestion_status", "--json"))
        text = said("ingestion_status", "--casino", "2")
    lags = {(each["topic"], each["partition"]): each["lag"] for each in status["partitions"]}
    assert lags == {(topic, number): 0 for topic in TOPICS for number in range(3)} | {("users", 0): 1}
    alpha, beta = status["casinos"]
    assert (alpha["stored"], alpha["rejected"], alpha["waiting"], alpha["parked"]) == (1, 1, 1, 0)
    assert alpha["last_error"].startswith("users: malformed: ")
    assert "does not exist" in beta["last_error"]
    assert "Beta" in text


@pytest.mark.parametrize("call", [("parked", "list"), ("dead_letters", "list"), ("ingestion_status",)])
def test_a_broker_that_is_away_is_a_clear_error(casino_a, settings, call):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    with pytest.raises(CommandError, match="Kafka: "):
        said(*call)
