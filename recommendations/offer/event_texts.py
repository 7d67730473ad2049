"""The texts of events whose ids are text: a casino with numbers alone has none."""

import sys
import threading
from collections.abc import Collection, Iterable, Mapping

from recommendations.text_ids import generated_id
from recommendations.validation.own_ids import OwnId

_ENTRY_BYTES = 250  # of both dictionaries


class EventTexts:
    """Numbers in stored rows with the casino's texts for them. The snapshots of one offer share them: an assignment
    never changes, so that a later snapshot's texts do no harm. `by_id` has none for numbers of the casino's own.
    Thread-safe."""

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
        """The stored ids of these events. A text that no event in memory has is left out; digits above the casino's own
        ids are those of a row that came without one."""
        found = (each if isinstance(each, int) else self._by_text.get(each) or generated_id(each) for each in own_ids)
        return frozenset(each for each in found if each is not None)

    def only(self, event_ids: Iterable[int]) -> "EventTexts":
        return EventTexts({each: text for each in event_ids if (text := self.by_id.get(each)) is not None})
