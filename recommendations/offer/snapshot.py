"""A snapshot of the offer, and its patching into the next one."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from recommendations.validation.identity import league_keys, parts_of, team_keys
from recommendations.validation.own_ids import FIRST_TEXT_ID

from .arrays import Codes, Floats, Ids, Mask, Places
from .columns import Column
from .event_texts import EventTexts

T = TypeVar("T")

ATTRIBUTES = ("sport", "league", "country", "home_team", "away_team")
_NONE: frozenset[int] = frozenset()
_MOST_TEXTS_OF_NONE = 10_000  # texts of events that are no longer in the offer
NUMBERS = ("begins", "ends", "odds", "start_time_tbd")
TEXTS = (*ATTRIBUTES, "category")  # columns of `events`
OWN_ODD = -1  # the value in `offered_by` of an event without markets


class MemoKey(Generic[T]):
    """The key of a value of type T in a `Memo`. Each instance is a distinct key."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Get(Protocol):
    def __call__(self, key: MemoKey[T], /) -> T | None: ...


class Memo:
    """Values derived from one immutable object; `get` returns None for a missing one. `nbytes` counts their arrays.
    Thread-safe: threads may compute the same value at the same time; the last one is stored."""

    __slots__ = ("_lock", "_values", "get", "nbytes")

    def __init__(self) -> None:
        self._values: dict[MemoKey[Any], Any] = {}
        self.get: _Get = self._values.get
        self._lock = Lock()
        self.nbytes = 0

    def keep(self, key: MemoKey[T], value: T) -> T:
        """Store `value`, and return it. The value, or each item of a tuple, may have `nbytes`."""
        with self._lock:
            for sign, each in ((-1, self._values.get(key)), (1, value)):
                parts = each if isinstance(each, tuple) else (each,)
                self.nbytes += sign * sum(int(getattr(part, "nbytes", 0)) for part in parts)
            self._values[key] = value
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """n events, sorted by id, that were open and not over when read; some may have begun or ended since. Never changes.

    All arrays and columns have the shape (n,). `begins`, `ends`: Unix seconds. `start_time_tbd`: only the day of the
    begin is known. `league`, `home_team` and `away_team` contain keys (see `identity`); `Column.name` returns their
    names. `same_matches`: event id -> ids of other events that are the same match; some may be closed. `participants`:
    id of a one-sided event -> its participants' names. `texts`: the texts for which event ids stand. `offered_by`: the
    bits of the producers with an open price of the event's markets, `OWN_ODD` for an event without markets; None if no
    event has markets. `memo`: values derived from this offer.
    """

    version: int | None
    ids: Ids
    begins: Floats
    ends: Floats
    odds: Floats
    sport: Column[str]
    league: Column[str]
    country: Column[str]
    home_team: Column[str]
    away_team: Column[str]
    start_time_tbd: Mask
    same_matches: Mapping[int, frozenset[int]] = field(default_factory=dict)
    participants: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    texts: EventTexts = field(default_factory=EventTexts)
    offered_by: Codes | None = None
    memo: Memo = field(default_factory=Memo, init=False, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """The bytes of all columns with their dictionaries, and of the arrays in `memo`."""
        return self.columns_nbytes + self.memo.nbytes

    @property
    def columns_nbytes(self) -> int:
        columns = sum(int(getattr(self, name).nbytes) for name in ("ids", *NUMBERS, *ATTRIBUTES, "texts"))
        return columns + (0 if self.offered_by is None else self.offered_by.nbytes)

    def place_of(self, event_id: int) -> int | None:
        place = int(self.ids.searchsorted(event_id))
        return place if place < self.ids.size and self.ids[place] == event_id else None

    def names(self, place: int) -> dict[str, str]:
        """Attribute -> display text of the event at `place`, for all `ATTRIBUTES`."""
        return {name: getattr(self, name).name(place) for name in ATTRIBUTES}

    def category(self, place: int) -> str:
        return parts_of(self.home_team[place])[2]

    def keep(self, events: Mask) -> "Offer":
        """The offer with only these events."""
        if events.all():
            return self
        numbers = {name: getattr(self, name)[events] for name in ("ids", *self._numbers)}
        return replace(self, **numbers, **{name: getattr(self, name).keep(events) for name in ATTRIBUTES})

    @property
    def _numbers(self) -> tuple[str, ...]:
        """The names of this offer's numeric columns."""
        return NUMBERS if self.offered_by is None else (*NUMBERS, "offered_by")

    def with_offered_by(self, bits: Mapping[int, int]) -> "Offer":
        """The offer with these producers' bits by event id; the other events have no markets."""
        if not bits:
            return self if self.offered_by is None else replace(self, offered_by=None)
        offered_by = np.full(len(self), OWN_ODD, np.int32)
        places, is_known = self._places_of(np.array([*bits], dtype=np.int64))
        offered_by[places[is_known]] = np.array([*bits.values()], dtype=np.int32)[is_known]
        return replace(self, offered_by=offered_by)

    def _with_column(self) -> "Offer":
        return self if self.offered_by is not None else replace(self, offered_by=np.full(len(self), OWN_ODD, np.int32))

    def patched(self, version: int | None, rows: "Offer", gone: Iterable[int] = ()) -> "Offer":
        """The next snapshot: insert `rows`, or replace events with the same ids; remove the events with the ids `gone`.

        Unchanged columns are shared: if only odds changed, only `odds` is copied.
        """
        changed = {*rows.ids.tolist(), *gone} if self.same_matches or self.participants else frozenset()
        sparse: dict[str, Any] = {
            name: _replaced(getattr(self, name), getattr(rows, name), changed)
            for name in ("same_matches", "participants")
        }
        offer = replace(self, version=version, **sparse)._without(gone)
        if offer.offered_by is not None or rows.offered_by is not None:
            offer, rows = offer._with_column(), rows._with_column()
        places, is_known = offer._places_of(rows.ids)
        offer = offer._replaced(places[is_known], rows.keep(is_known))
        return offer if is_known.all() else offer._inserted(places[~is_known], rows.keep(~is_known))

    def all_ids(self, event_id: int) -> frozenset[int]:
        """The ids of all events that are the same match as this one, including its own."""
        return self.same_matches.get(event_id, _NONE) | {event_id}

    def trimmed(self, now: datetime) -> "Offer":
        """The offer without finished events and unused values; the offer itself if there are few of these."""
        is_on = self.ends > now.timestamp()
        over = len(self) - int(np.count_nonzero(is_on))
        has_few_values = all(len(getattr(self, name).values) <= 2 * len(self) for name in ATTRIBUTES)
        if over * 10 <= len(self) and has_few_values and len(self.texts) <= 4 * len(self) + _MOST_TEXTS_OF_NONE:
            return self
        offer = self.keep(is_on)
        compacted: dict[str, Any] = {name: getattr(offer, name).compacted() for name in ATTRIBUTES}
        return replace(offer, texts=self.texts.only(offer.text_ids()), **compacted)

    def text_ids(self) -> Iterator[int]:
        """Yield the ids that stand for texts: ids of events, and of other events that are the same match."""
        yield from self.ids[np.searchsorted(self.ids, FIRST_TEXT_ID) :].tolist()
        for others in self.same_matches.values():
            yield from (each for each in others if each >= FIRST_TEXT_ID)

    def _places_of(self, ids: Ids) -> tuple[Places, Mask]:
        """The places of these ids, and the mask of known ids; the place of an unknown id is where to insert it."""
        places = np.searchsorted(self.ids, ids)
        is_known = places < len(self)
        is_known[is_known] = self.ids[places[is_known]] == ids[is_known]
        return places, is_known

    def _without(self, gone: Iterable[int]) -> "Offer":
        places, is_known = self._places_of(np.array([*gone], dtype=np.int64))
        if not is_known.any():
            return self
        stays = np.ones(len(self), dtype=np.bool_)
        stays[places[is_known]] = False
        return self.keep(stays)

    def _replaced(self, places: Places, rows: "Offer") -> "Offer":
        changed: dict[str, Any] = {
            name: getattr(self, name).replaced(places, getattr(rows, name)) for name in ATTRIBUTES
        }
        for name in self._numbers:
            own, new = getattr(self, name), getattr(rows, name)
            if not np.array_equal(own[places], new, equal_nan=True):
                changed[name] = own.copy()
                changed[name][places] = new
        return replace(self, **changed)

    def _inserted(self, places: Places, rows: "Offer") -> "Offer":
        grown: dict[str, Any] = {name: getattr(self, name).inserted(places, getattr(rows, name)) for name in ATTRIBUTES}
        for name in ("ids", *self._numbers):
            grown[name] = np.insert(getattr(self, name), places, getattr(rows, name))
        return replace(self, **grown)


def _replaced(stored: Mapping[int, T], new: Mapping[int, T], changed: Collection[int]) -> Mapping[int, T]:
    """The mapping with the changed events' values replaced, or removed if they have no new value."""
    if not stored and not new:
        return stored
    return {event_id: each for event_id, each in stored.items() if event_id not in changed} | dict(new)


def build_offer(version: int | None, rows: Iterable[tuple[Any, ...]]) -> Offer:
    """Build a snapshot from rows (id, begin_timestamp, end_timestamp, odd, *`TEXTS`), sorted by id."""
    ids, begins, ends, *others = list(zip(*rows, strict=True)) or [()] * (4 + len(TEXTS))
    times = ([moment.timestamp() for moment in moments] for moments in (begins, ends))
    return offer_of_columns(version, [ids, *times, *others])


def offer_of_columns(version: int | None, columns: Sequence[Any], like: Offer | None = None) -> Offer:
    """Build a snapshot from columns of n values, sorted by id: ids, begins and ends (Unix seconds), odds, and `TEXTS`.

    A number may also be the text "NaN" or "Infinity", which JSON cannot write as a number. `start_time_tbd` is False
    for all. The dictionaries extend those of `like`.
    """
    ids, begins, ends, odds, *texts = columns
    known = {name: getattr(like, name).dictionary if like is not None else None for name in ATTRIBUTES}
    coded: dict[str, Any] = {
        name: Column.of(values, known[name]) for name, values in zip(ATTRIBUTES, _keyed(texts), strict=True)
    }
    return Offer(
        version=version,
        ids=np.array(ids, dtype=np.int64),
        begins=np.array(begins, dtype=np.float64),
        ends=np.array(ends, dtype=np.float64),
        odds=np.array(odds, dtype=np.float64),
        start_time_tbd=np.zeros(len(ids), dtype=np.bool_),
        **coded,
    )


def _keyed(texts: Sequence[Any]) -> Iterator[Any]:
    """The columns of `ATTRIBUTES` from those of `TEXTS`: leagues and teams become keys."""
    sports, leagues, countries, homes, aways, categories = texts
    yield sports
    yield league_keys(sports, countries, leagues)
    yield countries
    for teams in (homes, aways):
        yield team_keys(sports, countries, categories, teams)
