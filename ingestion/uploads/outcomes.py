"""The outcomes of an upload's messages: as the sender gets them, and as the ledger stores them for repeats."""

from collections.abc import Iterable, Iterator

import msgspec

from ingestion.messages.results import MessageResult

REJECTED = "rejected"
_MOST_KINDS = 250  # different outcomes of one upload


class ItemOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """An outcome of storing; or `rejected` with the rejection's code, field and detail. `detail` also lists the
    unreadable selections of a partly stored coupon, and the value that the casino does not offer for a skipped
    message."""

    outcome: str
    code: str = ""
    field: str = ""
    detail: str = ""


def outcome_of(result: MessageResult) -> ItemOutcome:
    rejection = result.rejection
    if rejection is None:
        return ItemOutcome(result.outcome, detail=result.note)
    return ItemOutcome(REJECTED, rejection.code, rejection.field, rejection.detail)


class StoredOutcomes(msgspec.Struct, omit_defaults=True):
    """The outcomes of a request's messages, without details, which may quote personal data.

    `kinds` are the different outcomes; `items` has for each message the index of its kind. Beyond 250 kinds a rejection
    has no field: 10,000 messages then take at most some 90 KB. `total` is the number of the request's messages.
    """

    total: int = 0
    kinds: list[ItemOutcome] = []
    items: list[int] = []

    def __iter__(self) -> Iterator[ItemOutcome]:
        return (self.kinds[number] for number in self.items)

    @property
    def is_complete(self) -> bool:
        return 0 < self.total <= len(self.items)

    def add(self, results: Iterable[MessageResult]) -> None:
        numbers = {kind: number for number, kind in enumerate(self.kinds)}
        for result in results:
            outcome = outcome_of(result)
            kind = ItemOutcome(outcome.outcome, outcome.code, outcome.field)
            if kind not in numbers and len(self.kinds) >= _MOST_KINDS:
                kind = ItemOutcome(outcome.outcome, outcome.code)
            number = numbers.setdefault(kind, len(self.kinds))
            if number == len(self.kinds):
                self.kinds.append(kind)
            self.items.append(number)


def decode_outcomes(stored: str) -> StoredOutcomes:
    """The outcomes in the ledger; a row of an earlier release has a list of outcomes."""
    found = msgspec.json.decode(stored, type=StoredOutcomes | list[ItemOutcome])
    if isinstance(found, StoredOutcomes):
        return found
    return StoredOutcomes(kinds=found, items=list(range(len(found))))
