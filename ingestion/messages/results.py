"""A message's result after storing."""

from typing import Self

import msgspec

from .decoding import Rejection
from .envelope import Envelope


class MessageResult(msgspec.Struct):
    """A message's outcome: a Result, `parked`, `repeated` (the ledger has it already), `skipped` (about what the casino
    does not offer), or a rejection's code.

    `note` lists the selections of a coupon that could not be read, or has the reason for skipping a message. Senders
    can name any number as a casino: unless `is_casino_known`, nothing counts by it. `user_ids` are the users whom a
    rejected message is about; None: its own bytes contain them.
    """

    envelope: Envelope
    outcome: str
    rejection: Rejection | None = None
    note: str = ""
    is_casino_known: bool = True
    user_ids: tuple[str, ...] | None = None

    @classmethod
    def reject(cls, envelope: Envelope, rejection: Rejection, *, is_casino_known: bool = True) -> Self:
        return cls(envelope, rejection.code, rejection, is_casino_known=is_casino_known)
