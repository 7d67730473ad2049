"""The consumer while connections are cut. Rows are really committed."""

import pytest

from ingestion.consumer.consumer import TopicConsumer
from ingestion.tests.database_outages import cut_sessions
from ingestion.tests.kafka_client import Until, committed, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.covered]


@pytest.mark.parametrize("cut", ["casino_1", "default"])
def test_cut_connection_is_replaced_while_consuming(broker, casino_a, casino_b, settings, cut):
    settings.KAFKA_BATCH_SIZE = 5
    send(USERS, [(1 + number % 2, user(id=number)) for number in range(1, 41)])
    cuts: list[int] = []

    def cut_once() -> bool:
        if consumer.counts.total() >= 10 and not cuts:
            cuts.append(consumer.counts.total())
            cut_sessions(cut)
        return consumer.counts.total() >= 40

    consumer: TopicConsumer = TopicConsumer(USERS, Until(cut_once))
    consumer.run()
    assert cuts
    assert consumer.counts == {(1, "stored"): 20, (2, "stored"): 20}
    assert committed(USERS) == {0: 40}
