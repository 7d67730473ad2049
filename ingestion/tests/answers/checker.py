"""Checks served recommendations against the ledger, as of the snapshot of each."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from ingestion.topics import EVENTS, ODDS
from tenants.routing.connections import query

from .ledger import SECOND, Ledger, Leg, Moment, fault_of_slip
from .meanings import JournalReader, Meaning, Offsets

SILENCE_SECONDS, MAX_LIVE_AGE_SECONDS = 8, 30
_EXAMPLES = 3
_PATIENCE_SECONDS = 60.0
_CLOSED_EVERY = 100  # snapshots
_PLACE = """
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, topic, partition, next_offset
FROM (SELECT 1) AS always LEFT JOIN ingestion_offsets ON topic IN (%s, %s)
"""


class Found(msgspec.Struct):
    """The results of one process. `reconnections`: HTTP connections that the server had closed. `passed_over`: events
    without a price that may be served, by the reason of the service's check. `outcomes`: all outcomes at some of the
    snapshots, by the ledger's reason against a bet on them."""

    answers: int = 0
    snapshots: int = 0
    legs: int = 0
    of_own_odd: int = 0
    empty: int = 0
    reconnections: int = 0
    faults: dict[str, int] = {}
    examples: list[str] = []
    passed_over: dict[str, int] = {}
    outcomes: dict[str, int] = {}

    @property
    def progress(self) -> str:
        return f"{self.answers} answers, {self.legs} legs, {sum(self.faults.values())} wrong"

    def add(self, other: "Found") -> None:
        for name in ("answers", "snapshots", "legs", "of_own_odd", "empty", "reconnections"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("faults", "passed_over", "outcomes"):
            setattr(self, name, dict(Counter(getattr(self, name)) + Counter(getattr(other, name))))
        self.examples += other.examples


def _recheck(faults: dict[Leg, str], fault: Callable[[Leg, Moment], str], moment: Moment) -> None:
    for leg, before in faults.items():
        if before:
            faults[leg] = fault(leg, moment)


def read_place() -> tuple[int, Offsets]:
    """The database's clock in microseconds, and the offsets of the current casino's stored messages."""
    rows = query(_PLACE, [EVENTS.full_name, ODDS.full_name])
    return rows[0][0], {(topic, partition): offset for _, topic, partition, offset in rows if topic is not None}


class Checker:
    """Checks responses. Snapshots must be checked in the order in which they were taken."""

    def __init__(self, journal: Path) -> None:
        self._journal = JournalReader(journal)
        self._ledger = Ledger(silence=SILENCE_SECONDS * SECOND, max_live_age=MAX_LIVE_AGE_SECONDS * SECOND)
        self.found = Found()

    def check(
        self, slips: Sequence[Sequence[Leg]], moment: Moment, since: Offsets, until: Offsets | None = None
    ) -> None:
        """Check slips against the messages before `since`. With `until`, each leg may also be valid as of any message
        between the two: the response's snapshot is only known to lie there. Its event and its odd may then be valid at
        different ones, since their messages are in different topics."""
        for meaning in self._next(since):
            self._ledger.apply(meaning)
        event_faults = {leg: self._ledger.fault_of_event(leg, moment) for slip in slips for leg in slip}
        odd_faults = {leg: self._ledger.fault_of_odd(leg, moment) for leg in event_faults}
        if until is not None:
            for meaning in self._next(until):
                self._ledger.apply(meaning)
                _recheck(event_faults, self._ledger.fault_of_event, moment)
                _recheck(odd_faults, self._ledger.fault_of_odd, moment)
        self._count(slips, moment)
        for slip in slips:
            self._report(fault_of_slip(slip), slip, moment)
            for leg in slip:
                self._report(event_faults[leg] or odd_faults[leg], leg, moment)

    def note_passed_over(self, reasons: Iterable[str]) -> None:
        for reason in reasons:
            self.found.passed_over[reason] = self.found.passed_over.get(reason, 0) + 1

    def _next(self, offsets: Offsets) -> list[Meaning]:
        """The messages before these offsets. Waits for the journal, which may be a little behind the consumers."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._journal.has_all(offsets):
            assert time.monotonic() < deadline, f"the journal ends before {offsets}"
            time.sleep(0.002)
        return self._journal.take(offsets)

    def _count(self, slips: Sequence[Sequence[Leg]], moment: Moment) -> None:
        found = self.found
        if found.snapshots % _CLOSED_EVERY == 0:
            found.add(Found(outcomes=self._ledger.outcomes(moment)))
        found.snapshots += 1
        found.answers += len(slips)
        found.legs += sum(map(len, slips))
        found.of_own_odd += sum(not leg.market for slip in slips for leg in slip)
        found.empty += sum(not slip for slip in slips)

    def _report(self, fault: str, what: object, moment: Moment) -> None:
        if not fault:
            return
        self.found.faults[fault] = self.found.faults.get(fault, 0) + 1
        if self.found.faults[fault] == 1 or len(self.found.examples) < _EXAMPLES:
            known = self._ledger.known(what) if isinstance(what, Leg) else ""
            self.found.examples.append(f"{fault}: {what} at {moment}; known: {known}")
