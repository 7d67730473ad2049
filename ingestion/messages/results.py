"""A message's result after storing."""

from typing import Self

import msgspec

from .decoding import Rejection
from .envelope import Envelope


class MessageResult(msgspec.Struct):
    """A message's outcome: a Result, `parked`, `repeated` (already in the ledger), `skipped` (about a value that the
    casino does not offer), or a rejection's code.

    `note` lists the unreadable selections of a coupon, or has the reason for skipping a message. Senders can name any
    number as a casino: unless `is_casino_known`, no statistics use it. `user_ids` are the users of a rejected message;
    None: read them from its own bytes.
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
