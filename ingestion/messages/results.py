"""A message after decoding, and its result after storing."""

from typing import Self

import msgspec

from recommendations.validation.changes import Change
from recommendations.validation.rows import AnyRow, CouponRow, Removal

from .decoding import Partial, Rejection
from .envelope import Envelope
from .reading import Content, Several, told_markets


class Unwanted(msgspec.Struct):
    """A message about a sport, currency, .. that its casino does not offer: `note` names it; `changes` are those of a
    stored row."""

    note: str
    changes: tuple[Change, ...]


class DecodedMessage(msgspec.Struct, gc=False):
    """A message with its decoded row, the change of a stored row, or the reason why it is rejected or skipped."""

    envelope: Envelope
    content: Content | Unwanted

    @property
    def rejection(self) -> Rejection | None:
        """The rejection of the message, or of the first rejected one of several."""
        content = self.content
        if isinstance(content, Several):
            return next((each for each in content.contents if isinstance(each, Rejection)), None)
        return content if isinstance(content, Rejection) else None

    @property
    def rows(self) -> tuple[AnyRow | Change | Removal, ...]:
        """The rows and changes to store: those of a rejected message are its closings and restrictions. Several are
        stored one by one (`storing/several.py`)."""
        content = self.content
        if isinstance(content, CouponRow):  # most messages are
            return (content,)
        if isinstance(content, Rejection):
            return content.closed_odds or content.changes
        if isinstance(content, Unwanted):
            return content.changes
        if isinstance(content, Several):
            return ()
        return (content.change if isinstance(content, Partial) else content,)


def unknown_word_of(content: Content | Unwanted) -> str:
    """The word for a status in a single content that nobody but the casino may know; empty for none."""
    if isinstance(content, Rejection):
        return content.unknown_word
    told = told_markets(content)
    return "" if told is None else told.unknown_word


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
