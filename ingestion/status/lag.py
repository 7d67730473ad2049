"""Consumer lag, by topic."""

from dataclasses import dataclass

from ingestion.kafka.watermarks import watermarks
from ingestion.topics import Topic


@dataclass(frozen=True, slots=True)
class Lag:
    """The number of messages in a topic's partitions, and the number that its consumer group has committed."""

    messages: int
    done: int

    @property
    def is_none(self) -> bool:
        return self.done >= self.messages


def measure_lag(topic: Topic) -> Lag:
    """The topic's consumer lag. Raises KafkaException if the broker does not respond within `KAFKA_ANSWER_SECONDS`."""
    offsets = watermarks(topic.full_name, topic.group).values()
    return Lag(sum(end - first for first, end, _ in offsets), sum(position - first for first, _, position in offsets))
