"""A message on its way through ingestion: decoded, and what became of it."""

import msgspec

from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import Envelope
from recommendations.validation.rows import AnyRow, Removal


class DecodedMessage(msgspec.Struct):
    """A message, and the row that it brings or why it brings none."""

    envelope: Envelope
    content: AnyRow | Removal | Rejection


class MessageResult(msgspec.Struct):
    """What became of a message: a Result, `repeated` (the ledger says that it was done with), or a rejection's code."""

    envelope: Envelope
    outcome: str
    rejection: Rejection | None = None

    @classmethod
    def reject(cls, envelope: Envelope, rejection: Rejection) -> "MessageResult":
        return cls(envelope, rejection.code, rejection)
