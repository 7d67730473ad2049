"""A column of an offer: one attribute of all events, dictionary-encoded as in Apache Arrow.

Columns and dictionaries are immutable: readers need no lock, and snapshots share them. All dictionaries of one casino's
column are prefixes of one list, which only grows. Adding a value therefore costs the same in an offer of ten events and
of a million, and a snapshot's dictionary never changes.
"""

import sys
import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, repeat
from typing import Any, Generic, TypeVar, cast, overload

import numpy as np

from recommendations.validation.fields import SEPARATOR
from recommendations.validation.identity import name_of
from recommendations.validation.normal_form import key_form

from .arrays import Codes, Mask, Places

Numbers = np.ndarray[Any, np.dtype[Any]]
Value = TypeVar("Value", bound=Hashable)
Default = TypeVar("Default")

_INT_BYTES = 28  # bytes of a place that is too large for Python's cache of small integers


class _GrowingValues(Generic[Value]):
    """Distinct values in order of arrival; none is removed or moved. Thread-safe."""

    __slots__ = ("_by_name", "_contents", "_lock", "_named", "list", "places")

    def __init__(self) -> None:
        self.list: list[Value] = []
        self.places: dict[Value, int] = {}
        self._by_name: dict[str, list[int]] = {}
        self._named = 0  # the number of values in `_by_name`
        self._contents = 0
        self._lock = threading.Lock()

    def add(self, values: Iterable[Value]) -> int:
        """Append the new values, and return the number of all values. If two threads extend one dictionary at the same
        time, the dictionary of the later one also contains the values of the other, which none of its events has."""
        with self._lock:
            for value in values:
                if value not in self.places:
                    self._append(_shared(value))
            return len(self.list)

    def _append(self, value: Value) -> None:
        place = len(self.list)
        self.list.append(value)
        self.places[value] = place
        self._contents += sys.getsizeof(value) + _INT_BYTES

    def places_named(self, name: str) -> list[int]:
        """The places of the leagues' or teams' keys with this name, and of values equal to it. Names are indexed when
        this is called, not before: few casinos block or pin by name."""
        with self._lock:
            for place in range(self._named, len(self.list)):
                self._by_name.setdefault(key_form(name_of(str(self.list[place]))), []).append(place)
            self._named = len(self.list)
            return self._by_name.get(key_form(name), [])

    @property
    def nbytes(self) -> int:
        return self._contents + sys.getsizeof(self.list) + sys.getsizeof(self.places)


@dataclass(frozen=True, slots=True, eq=False)
class _FirstValues(Generic[Value]):
    """The first `size` values."""

    _grown: _GrowingValues[Value]
    _size: int

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Value]:
        return islice(self._grown.list, self._size)


class DictionaryValues(_FirstValues[Value], Sequence[Value]):
    """The dictionary's values by place."""

    __slots__ = ()

    @overload
    def __getitem__(self, place: int) -> Value: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Value]: ...
    def __getitem__(self, place: int | slice) -> Value | Sequence[Value]:
        if isinstance(place, slice):
            return self._grown.list[slice(*place.indices(self._size))]
        if not 0 <= place < self._size:
            raise IndexError(f"There is no value {place} among {self._size}.")
        return self._grown.list[place]


class DictionaryPlaces(_FirstValues[Value], Mapping[Value, int]):
    """The dictionary's places by value."""

    __slots__ = ()

    def __getitem__(self, value: Value) -> int:
        place = self._grown.places[value]
        if place >= self._size:
            raise KeyError(value)
        return place

    @overload
    def get(self, value: Any, /) -> int | None: ...
    @overload
    def get(self, value: Any, /, default: Default) -> int | Default: ...
    def get(self, value: Any, /, default: Default | None = None) -> int | Default | None:
        # Mapping.get catches a KeyError, which takes ten times as long for an unknown value.
        place = self._grown.places.get(value)
        return place if place is not None and place < self._size else default

    def find(self, values: Iterable[Value]) -> Iterator[int]:
        """The place of each value; for an unknown value, a number >= the dictionary's size."""
        return map(self._grown.places.get, values, repeat(self._size))

    def of(self, values: Iterable[Value]) -> list[int]:
        """The places of these values. Raises KeyError for an unknown value."""
        return list(map(self._grown.places.__getitem__, values))


class Dictionary(Generic[Value]):
    """Distinct values: `values[places[value]] == value`. `nbytes` includes the values themselves. Never changes.

    `grown` begins with `values`. It looks up a valid place in less than half of the time.
    """

    __slots__ = ("__weakref__", "_grown", "grown", "nbytes", "places", "values")

    def __init__(self, grown: _GrowingValues[Value] | None = None, size: int = 0) -> None:
        self._grown: _GrowingValues[Value] = grown or _GrowingValues()
        self.grown: Sequence[Value] = self._grown.list
        self.values = DictionaryValues(self._grown, size)
        self.places = DictionaryPlaces(self._grown, size)
        self.nbytes = self._grown.nbytes

    def including(self, values: Iterable[Value]) -> "Dictionary[Value]":
        """Return this dictionary if it has these values, else a longer one in which known values keep their places."""
        new = [value for value in dict.fromkeys(values) if value not in self.places]
        if not new:
            return self
        return Dictionary(self._grown, self._grown.add(new))

    def places_named(self: "Dictionary[str]", name: str) -> set[int]:
        """The places of leagues or teams with this name, in any country, and of values equal to it (by `key_form`)."""
        return {place for place in self._grown.places_named(name) if place < len(self.values)}

    def longer(self, other: "Dictionary[Value]") -> "Dictionary[Value] | None":
        """Return the longer of both if one continues the other, so that all values have the same places; else None."""
        if other._grown is not self._grown:
            return None
        return self if len(self.values) >= len(other.values) else other


def _shared(value: Value) -> Value:
    """Intern texts, since columns and casinos share them."""
    return cast("Value", sys.intern(str(value))) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, eq=False)
class Column(Generic[Value]):
    """`codes`, int32 of shape (n,): `codes[i]` is the place of event i's value in `values`. Some of `values` may belong
    to no event."""

    codes: Codes
    dictionary: Dictionary[Value]

    @classmethod
    def of(cls, values: Sequence[Value], known: Dictionary[Value] | None = None) -> "Column[Value]":
        """A column of these values; its dictionary extends `known`."""
        dictionary: Dictionary[Value] = (known or Dictionary()).including(values)
        return cls(np.array(dictionary.places.of(values), dtype=np.int32), dictionary)

    @property
    def values(self) -> Sequence[Value]:
        return self.dictionary.values

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.dictionary.nbytes

    def __getitem__(self, event: int) -> Value:
        value: Value = self.dictionary.grown[self.codes.item(event)]
        return value

    def name(self: "Column[str]", event: int) -> str:
        """The display name of event i's league or team; the value itself for other attributes."""
        # inlined `name_of`: each answer has fifteen such texts
        return self.dictionary.grown[self.codes.item(event)].rpartition(SEPARATOR)[2]

    def equals(self, value: Value | None) -> Mask:
        """The mask of events with this value; all False for an unknown value or None."""
        place = self.dictionary.places.get(value, -1) if value is not None else -1
        return np.equal(self.codes, place)

    def spread(self, table: Numbers) -> Numbers:
        """Each event's entry of `table`, shape (n,). The table has at least one entry for each of `values`."""
        # `take` is twice as fast as table[codes], which first converts the codes to wider integers
        return table.take(self.codes, mode="clip")

    def present(self) -> list[Value]:
        """The events' distinct values."""
        return [self.values[code] for code in self._used()]

    def keep(self, events: Mask) -> "Column[Value]":
        return replace(self, codes=self.codes[events])

    def replaced(self, places: Places, other: "Column[Value]") -> "Column[Value]":
        """A copy with `other`'s values at `places`; this column if all values are equal."""
        new = self._taking(other)
        if np.array_equal(self.codes[places], new.codes):
            return self
        codes = self.codes.copy()
        codes[places] = new.codes
        return Column(codes, new.dictionary)

    def inserted(self, places: Places, other: "Column[Value]") -> "Column[Value]":
        """A copy with `other`'s values inserted before `places`."""
        new = self._taking(other)
        return Column(np.insert(self.codes, places, new.codes), new.dictionary)

    def compacted(self) -> "Column[Value]":
        """A copy whose dictionary has only the events' values."""
        empty: Column[Value] = Column.of([])
        return empty._taking(self)

    def _taking(self, other: "Column[Value]") -> "Column[Value]":
        """Recode the other column to a dictionary that extends this one's."""
        if (longer := self.dictionary.longer(other.dictionary)) is not None:
            return Column(other.codes, longer)
        used = other._used()
        present = Column.of([other.values[code] for code in used], self.dictionary)
        translation = np.zeros(len(other.values), dtype=np.int32)
        translation[used] = present.codes
        return Column(translation[other.codes], present.dictionary)

    def _used(self) -> Places:
        return np.flatnonzero(np.bincount(self.codes, minlength=len(self.values)))
