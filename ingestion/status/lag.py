"""How far the consumers are behind their topics."""

from dataclasses import dataclass

from ingestion.kafka.watermarks import watermarks
from ingestion.topics import Topic


@dataclass(frozen=True, slots=True)
class Lag:
    """Messages of a topic in all its partitions: how many there are, and how many its group has done with."""

    messages: int
    done: int

    @property
    def is_none(self) -> bool:
        return self.done >= self.messages


def measure_lag(topic: Topic) -> Lag:
    """Ask the broker. Raises KafkaException if it does not answer within 10 s."""
    reach = watermarks(topic.name, topic.group).values()
    return Lag(sum(end - first for first, end, _ in reach), sum(position - first for first, _, position in reach))
