"""A message after decoding, and its result after storing."""

from typing import Self

import msgspec

from ingestion.messages.decoding import Partial, Rejection
from ingestion.messages.envelope import Envelope
from ingestion.messages.reading import Content, Several
from recommendations.validation.changes import Change
from recommendations.validation.rows import AnyRow, Removal


class DecodedMessage(msgspec.Struct):
    """A message with its decoded row, the change of a stored row, or the reason for its rejection."""

    envelope: Envelope
    content: Content

    @property
    def rejection(self) -> Rejection | None:
        """Why the message, or the first rejected one of several, is rejected."""
        content = self.content
        if isinstance(content, Several):
            return next((each for each in content.contents if isinstance(each, Rejection)), None)
        return content if isinstance(content, Rejection) else None

    @property
    def rows(self) -> tuple[AnyRow | Change | Removal, ...]:
        """What is stored of the message: of a rejected one, what it closes or restricts. Several are stored one by
        one (`storing/several.py`)."""
        content = self.content
        if isinstance(content, Rejection):
            return content.changes
        if isinstance(content, Several):
            return ()
        return (content.change if isinstance(content, Partial) else content,)


class MessageResult(msgspec.Struct):
    """A message's outcome: a Result, `parked`, `repeated` (the ledger has it already), or a rejection's code.

    `unread` lists the selections of a coupon that could not be read, with their problems. Senders can name any number
    as a casino: unless `is_casino_known`, nothing counts by it.
    """

    envelope: Envelope
    outcome: str
    rejection: Rejection | None = None
    unread: str = ""
    is_casino_known: bool = True

    @classmethod
    def reject(cls, envelope: Envelope, rejection: Rejection, *, is_casino_known: bool = True) -> Self:
        return cls(envelope, rejection.code, rejection, is_casino_known=is_casino_known)
