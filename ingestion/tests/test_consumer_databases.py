"""The consumer while databases go away and come back. Here rows are really committed."""

from contextlib import contextmanager

import pytest
from django.db import connections

from ingestion.consumer import TopicConsumer
from ingestion.topics import COUPONS, USERS
from recommendations.models import PurchasedCoupon, UserProfile
from tenants.context import use_casino

from .examples import coupon, user
from .kafka import Until, committed, consume, send
from .processes import IN_PROCESSES

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def execute(alias, sql, *parameters):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, parameters)


@contextmanager
def database_away(casino):
    """The casino's database under another name: connecting to it says that it does not exist."""
    connections[casino.current.alias].close()
    here, away = casino.db_name, f"{casino.db_name}_away"
    execute("default", f'ALTER DATABASE "{here}" RENAME TO "{away}"')
    back = iter([f'ALTER DATABASE "{away}" RENAME TO "{here}"'])

    def come_back():
        for statement in back:
            execute("default", statement)

    try:
        yield come_back
    finally:
        come_back()


def counted(casino):
    with use_casino(casino.current):
        profiles = list(UserProfile.objects.values_list("coupon_count", "stake_total"))
        return PurchasedCoupon.objects.count(), profiles


def test_while_a_database_is_away_nothing_is_committed(broker, casino_a, casino_b):
    send(COUPONS, [(casino, coupon(stake=2)) for casino in (1, 2) for _ in range(3)])
    tries: list[dict[int, int]] = []
    with database_away(casino_b):
        stop = Until(lambda: len(tries) >= 2, lambda: tries.append(committed(COUPONS)))
        consumer = TopicConsumer(COUPONS, stop)
        consumer.run()
    assert tries == [{}, {}]
    assert consumer.counts == {}
    assert counted(casino_b) == (0, [])
    assert committed(COUPONS) == {}


def test_consumer_goes_on_when_the_database_is_back(broker, casino_a, casino_b, caplog):
    for partition in range(3):
        send(COUPONS, [(casino, coupon(stake=2)) for casino in (2, 1)], partition=partition)
    with database_away(casino_b) as come_back:
        consume(COUPONS, 6, on_wait=come_back)
    assert counted(casino_a) == counted(casino_b) == (3, [(3, 6)])
    assert committed(COUPONS) == {0: 2, 1: 2, 2: 2}
    away = [message for message in caplog.messages if "a database is away, trying again" in message]
    assert len(away) >= 1
    assert "does not exist" in away[0]


@pytest.mark.parametrize("cut", ["casino_1", "default"])
def test_connection_cut_while_consuming_is_made_anew(broker, casino_a, casino_b, settings, cut):
    settings.KAFKA_BATCH_SIZE = 5
    send(USERS, [(1 + number % 2, user(id=number)) for number in range(1, 41)])
    cuts: list[int] = []

    def cut_once() -> bool:
        if consumer.counts.total() >= 10 and not cuts:
            cuts.append(consumer.counts.total())
            database = connections[cut].settings_dict["NAME"]
            execute(
                "casino_2", "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", database
            )
        return consumer.counts.total() >= 40

    consumer: TopicConsumer = TopicConsumer(USERS, Until(cut_once))
    consumer.run()
    assert cuts
    assert consumer.counts == {(1, "stored"): 20, (2, "stored"): 20}
    assert committed(USERS) == {0: 40}
