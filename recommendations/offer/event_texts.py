"""The texts of events whose ids are text. A casino whose ids are all numbers has none."""

import sys
import threading
from collections.abc import Collection, Iterable, Mapping

from recommendations.text_ids import generated_id
from recommendations.validation.own_ids import OwnId

_ENTRY_BYTES = 250  # bytes of an entry in both dictionaries


class EventTexts:
    """The casino's text ids by the stored numbers that stand for them; ids that are numbers have no entry. Thread-safe.

    The snapshots of one offer share this object. An assignment never changes, so additional entries are harmless.
    """

    __slots__ = ("_by_text", "_lock", "by_id", "nbytes")

    def __init__(self, texts: Mapping[int, str] | None = None) -> None:
        self.by_id: dict[int, str] = {}
        self._by_text: dict[str, int] = {}
        self._lock = threading.Lock()
        self.nbytes = 0
        self.add(texts or {})

    def __len__(self) -> int:
        return len(self.by_id)

    def __contains__(self, event_id: int) -> bool:
        return event_id in self.by_id

    def add(self, texts: Mapping[int, str]) -> None:
        with self._lock:
            for event_id, text in texts.items():
                if event_id not in self.by_id:
                    self.by_id[event_id], self._by_text[text] = text, event_id
                    self.nbytes += sys.getsizeof(text) + _ENTRY_BYTES

    def stored_ids(self, own_ids: Collection[OwnId]) -> Collection[int]:
        """The stored ids of these events. Unknown texts are left out, except digits above `MAX_OWN_ID`: they are the
        generated ids of rows without an own id."""
        found = (each if isinstance(each, int) else self._by_text.get(each) or generated_id(each) for each in own_ids)
        return frozenset(each for each in found if each is not None)

    def only(self, event_ids: Iterable[int]) -> "EventTexts":
        return EventTexts({each: text for each in event_ids if (text := self.by_id.get(each)) is not None})
