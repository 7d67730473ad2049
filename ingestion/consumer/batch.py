"""The messages that a consumer has read and not stored."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ingestion.messages.envelope import Envelope
from ingestion.messages.reading import DecodedMessage


@dataclass(slots=True)
class Batch:
    """Messages to store together; `messages` is empty until they are decoded. `is_counted`: a try to store them has
    counted their rejections."""

    envelopes: list[Envelope] = field(default_factory=list)
    messages: list[DecodedMessage] = field(default_factory=list)
    is_counted: bool = False

    def add(self, envelopes: Iterable[Envelope]) -> None:
        self.envelopes = [*self.envelopes, *envelopes]
        self.messages = []

    def drop(self, partitions: Collection[int]) -> None:
        """Drop the messages of these partitions."""
        self.envelopes = [each for each in self.envelopes if each.place.partition not in partitions]
        self.messages = [each for each in self.messages if each.envelope.place.partition not in partitions]
