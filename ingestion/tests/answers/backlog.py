"""The sent messages that are not stored yet: the embedded broker drops those beyond 5 MB of a partition."""

from collections import defaultdict, deque

from .meanings import Offsets

# librdkafka's mock cluster keeps 5 MB of each partition; a parked message is larger by this.
PARKED_HEADERS_BYTES = 400
BROKER_BYTES = 4_500_000
FULL_BYTES = 3_000_000


class Backlog:
    """`has_lost`: messages may have been dropped before they were read, or parked ones before they were stored."""

    def __init__(self) -> None:
        self._sizes: defaultdict[tuple[str, int], deque[tuple[int, int]]] = defaultdict(deque)  # offset, bytes
        self._bytes: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.has_lost = False

    @property
    def is_full(self) -> bool:
        """Whether a sender should wait for the consumers."""
        return max(self._bytes.values(), default=0) > FULL_BYTES

    def add(self, partition: tuple[str, int], offset: int, size: int) -> None:
        """Add a sent message. `size`: bytes of its value."""
        parked = size + PARKED_HEADERS_BYTES
        self._sizes[partition].append((offset, parked))
        self._bytes[partition] += parked
        self.has_lost |= self._bytes[partition] > BROKER_BYTES

    def take_away(self, stored: Offsets) -> None:
        for partition, end in stored.items():
            sizes = self._sizes[partition]
            while sizes and sizes[0][0] < end:
                self._bytes[partition] -= sizes.popleft()[1]
