"""Reads a history from CSV files: events, coupons and, optionally, odds changes, also of outcomes of markets."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from recommendations.errors import InvalidHistory
from recommendations.offer import ATTRIBUTES, offer_of_columns
from recommendations.validation.fields import EARLIEST, LATEST, MAX_ODD, MAX_STAKE
from recommendations.validation.normal_form import upper_form
from recommendations.validation.own_ids import FIRST_TEXT_ID, parse_own_id
from recommendations.validation.times import read_time
from tenants.numbers import parse_decimal

from .csv_outcomes import is_open, outcome_of_cells, outcomes_of_selections
from .history import History, OddsChange, PastCoupon, PastOutcome, PriceChange

EVENT_COLUMNS = ("id", *ATTRIBUTES, "odd", "opens_at", "begin_timestamp", "end_timestamp")
COUPON_COLUMNS = ("id", "user_id", "stake", "timestamp", "event_ids")
ODDS_COLUMNS = ("event_id", "timestamp", "odd")
SELECTIONS = "selections"  # an optional column of coupons

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One line of a file, with its cells by column name."""

    file: str
    line: int
    cells: dict[str, str]

    def get(self, column: str, read: Callable[[str], Value]) -> Value:
        """The cell's value. Raises InvalidHistory, which names the line and the column."""
        cell = self.cells[column]
        try:
            return read(cell)
        except ValueError as error:
            raise self.wrong(column, f"{cell!r} {error}") from error

    def wrong(self, column: str, problem: str) -> InvalidHistory:
        return InvalidHistory(f"{self.file}, line {self.line}, column {column}: {problem}")


class _Numbers:
    """The numbers of the files' ids. A text id gets the next number of those that stand for texts."""

    def __init__(self) -> None:
        self._by_text: dict[str, int] = {}

    def of(self, cell: str) -> int:
        own = parse_own_id(cell)
        if own is None:
            raise ValueError(
                "is not an id; must be a number from 1, or other printable text without blanks at its ends"
            )
        return own if isinstance(own, int) else self._by_text.setdefault(own, FIRST_TEXT_ID + len(self._by_text))

    def listed(self, cell: str) -> list[int]:
        return [self.of(each) for each in cell.split(";") if each]


def read_history(events: Path, coupons: Path, odds: Path | None = None) -> History:
    """Read the history from files. Raises InvalidHistory, and OSError for an unreadable file."""
    numbers = _Numbers()
    rows = _events(events, numbers)
    ids = [row[0] for row in rows]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in (*EVENT_COLUMNS, "category")]
    _, *attributes, odd, opens_at, begins, ends, categories = columns
    texts = (*attributes, categories)
    places = {event_id: place for place, event_id in enumerate(ids)}
    read, left_out = _coupons(coupons, places, numbers)
    odds_changes, price_changes = _odds(odds, places, numbers) if odds is not None else ([], [])
    return History(
        events=offer_of_columns(None, [ids, begins, ends, odd, *texts]),
        opens_at=np.array(opens_at, dtype=np.float64),
        coupons=read,
        odds_changes=odds_changes,
        price_changes=price_changes,
        left_out=left_out,
    )


def _events(path: Path, numbers: _Numbers) -> list[tuple[Any, ...]]:
    """The events by id, each as `EVENT_COLUMNS` and its category, which is optional."""
    found: dict[int, tuple[Any, ...]] = {}
    for row in _rows(path, EVENT_COLUMNS):
        event_id = row.get("id", numbers.of)
        if event_id in found:
            raise row.wrong("id", f"{row.cells['id']} is already used in an earlier line")
        attributes = (row.get(name, upper_form) for name in ATTRIBUTES)  # any may be empty
        times = [row.get(name, _time) for name in ("opens_at", "begin_timestamp", "end_timestamp")]
        if times[2] < times[1]:
            raise row.wrong("end_timestamp", "must not be before begin_timestamp")
        found[event_id] = (event_id, *attributes, row.get("odd", _odd), *times, _category(row))
    return [found[event_id] for event_id in sorted(found)]


def _category(row: CsvRow) -> str:
    return row.get("category", upper_form) if "category" in row.cells else ""


def _coupons(path: Path, places: dict[int, int], numbers: _Numbers) -> tuple[list[PastCoupon], int]:
    """The coupons in chronological order, and the number of selections of unknown events."""
    found, left_out, seen = [], 0, set[int]()
    for row in _rows(path, COUPON_COLUMNS):
        coupon_id = row.get("id", numbers.of)
        if coupon_id in seen:
            raise row.wrong("id", f"{row.cells['id']} is already used in an earlier line")
        seen.add(coupon_id)
        event_ids = row.get("event_ids", numbers.listed)
        known = tuple(places[event_id] for event_id in dict.fromkeys(event_ids) if event_id in places)
        left_out += sum(event_id not in places for event_id in event_ids)
        user_id = row.get("user_id", numbers.of)
        bets = tuple(_bets(row, event_ids, places))
        coupon = PastCoupon(user_id, row.get("timestamp", _time), known, row.get("stake", _stake), bets)
        found.append((coupon.timestamp, coupon_id, coupon))
    return [coupon for _, _, coupon in sorted(found, key=lambda each: each[:2])], left_out


def _bets(row: CsvRow, event_ids: list[int], places: dict[int, int]) -> Iterator[tuple[int, PastOutcome]]:
    """Yield place and outcome of each known event whose selection names an outcome."""
    if not row.cells.get(SELECTIONS):
        return
    outcomes = row.get(SELECTIONS, outcomes_of_selections)
    if len(outcomes) != len(event_ids):
        raise row.wrong(
            SELECTIONS, f"has {len(outcomes)} selections for {len(event_ids)} events; must have one for each event"
        )
    for event_id, outcome in zip(event_ids, outcomes, strict=True):
        if event_id in places and outcome is not None:
            yield places[event_id], outcome


def _odds(path: Path, places: dict[int, int], numbers: _Numbers) -> tuple[list[OddsChange], list[PriceChange]]:
    """The odds changes of events, and those of outcomes, in chronological order."""
    odds_changes, price_changes = list[OddsChange](), list[PriceChange]()
    for row in _rows(path, ODDS_COLUMNS):
        place, timestamp = places.get(row.get("event_id", numbers.of)), row.get("timestamp", _time)
        try:
            outcome = outcome_of_cells(row.cells)
        except ValueError as error:
            raise row.wrong("outcome", str(error)) from error
        odd = row.get("odd", _odd) if is_open(row.cells) else None
        if place is None:
            continue
        if outcome is not None:
            price_changes.append(PriceChange(timestamp, place, outcome, odd))
        elif odd is not None:
            odds_changes.append(OddsChange(timestamp, place, odd))
    odds_changes.sort(key=lambda change: change.timestamp)
    price_changes.sort(key=lambda change: change.timestamp)
    return odds_changes, price_changes


def _rows(path: Path, columns: Sequence[str]) -> Iterator[CsvRow]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        end = 1  # of the last whole row
        try:
            if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
                raise InvalidHistory(f"{path.name}, line 1: missing columns: {', '.join(missing)}")
            for cells in reader:
                end = reader.line_num
                row = CsvRow(path.name, end, cells)
                _check_shape(row, columns)
                yield row
        except (UnicodeDecodeError, csv.Error) as error:
            raise InvalidHistory(f"{path.name}, after line {end}: {error}") from error


def _check_shape(row: CsvRow, columns: Sequence[str]) -> None:
    """Raises InvalidHistory unless the row is one line with as many cells as the head. A stray quotation mark would
    join the lines up to the next one into a single cell, so that they would be lost silently."""
    for column, cell in row.cells.items():
        if column is None:
            raise InvalidHistory(f"{row.file}, line {row.line}: the line has too many columns")
        if cell is not None and ("\n" in cell or "\r" in cell):
            first = row.line - cell.count("\n")
            raise InvalidHistory(
                f"{row.file}, lines {first} to {row.line}, column {column}: a cell of several lines; "
                "check for a missing quotation mark"
            )
    if short := next((column for column in columns if row.cells[column] is None), None):
        raise row.wrong(short, "is missing: the line has too few columns")


def _odd(cell: str) -> float:
    return _number(cell, MAX_ODD)


def _stake(cell: str) -> float:
    return _number(cell, MAX_STAKE)


def _number(cell: str, at_most: Decimal) -> float:
    number = parse_decimal(cell)
    if number is None:
        raise ValueError("is not a number; must be one such as 2.50")
    if not 0 < number <= at_most:
        raise ValueError(f"must be above 0 and at most {at_most}")
    return float(number)


def _time(cell: str) -> float:
    """The time in Unix seconds."""
    time = read_time(cell)
    if not EARLIEST <= time < LATEST:  # near datetime's minimum and maximum, conversions overflow
        raise ValueError(f"must lie between {EARLIEST.year} and {LATEST.year}")
    return time.timestamp()
