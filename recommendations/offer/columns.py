"""A column of an offer: one attribute of all events, dictionary-encoded as in Apache Arrow.

Columns and dictionaries are immutable, so that readers need no lock and snapshots share them.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from recommendations.validation.fields import SEPARATOR

from .arrays import Codes, Mask, Places
from .dictionaries import Dictionary

Numbers = np.ndarray[Any, np.dtype[Any]]
Value = TypeVar("Value", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Column(Generic[Value]):
    """`codes`, int32 of shape (n,): `codes[i]` is the place of event i's value in `values`, which may include values of
    no event."""

    codes: Codes
    dictionary: Dictionary[Value]

    @classmethod
    def of(cls, values: Sequence[Value], known: Dictionary[Value] | None = None) -> "Column[Value]":
        """A column of these values, whose dictionary extends `known`."""
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
        """The name to show of event i's league or team; of other attributes, the value."""
        # as `name_of`: each answer has fifteen such texts
        return self.dictionary.grown[self.codes.item(event)].rpartition(SEPARATOR)[2]

    def equals(self, value: Value | None) -> Mask:
        """The mask of events with this value; all False if it is unknown or None."""
        place = self.dictionary.places.get(value, -1) if value is not None else -1
        return np.equal(self.codes, place)

    def spread(self, table: Numbers) -> Numbers:
        """Each event's entry of a table with at least one entry for each of `values`, shape (n,)."""
        # twice as fast as table[codes], which makes wider integers of them first
        return table.take(self.codes, mode="clip")

    def present(self) -> list[Value]:
        """The distinct values of the events."""
        return [self.values[code] for code in self._used()]

    def keep(self, events: Mask) -> "Column[Value]":
        return replace(self, codes=self.codes[events])

    def replaced(self, places: Places, other: "Column[Value]") -> "Column[Value]":
        """A copy with `other`'s values at `places`; this column if nothing changes."""
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
        """A copy without values that no event has."""
        empty: Column[Value] = Column.of([])
        return empty._taking(self)

    def _taking(self, other: "Column[Value]") -> "Column[Value]":
        """The other column, recoded to a dictionary that extends this one's."""
        if (longer := self.dictionary.longer(other.dictionary)) is not None:
            return Column(other.codes, longer)
        used = other._used()
        present = Column.of([other.values[code] for code in used], self.dictionary)
        translation = np.zeros(len(other.values), dtype=np.int32)
        translation[used] = present.codes
        return Column(translation[other.codes], present.dictionary)

    def _used(self) -> Places:
        return np.flatnonzero(np.bincount(self.codes, minlength=len(self.values)))
