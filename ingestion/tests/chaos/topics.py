"""Changes of topics on a real broker."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from ingestion.kafka.client import client_config
from ingestion.tests.kafka_client import have_leaders
from ingestion.topics import PARTITIONS, Topic
from tenants.tests.waiting import wait_until

_SECONDS = 30


def add_partition(topic: Topic) -> None:
    """Add a partition to this topic alone, not to the topic of its parked messages."""
    admin = AdminClient(client_config())
    admin.create_partitions([NewPartitions(topic.name, PARTITIONS + 1)])[topic.name].result(_SECONDS)


def recreate(topic: Topic) -> None:
    """Delete the topic, and create it again as soon as the broker can."""
    admin = AdminClient(client_config())
    admin.delete_topics([topic.name])[topic.name].result(_SECONDS)

    def is_created() -> bool:
        try:
            admin.create_topics([NewTopic(topic.name, PARTITIONS, 1)])[topic.name].result(_SECONDS)
        except KafkaException:  # it is still being deleted
            return False
        return True

    wait_until(is_created)
    wait_until(have_leaders)
