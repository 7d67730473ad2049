"""A range of messages that the broker deleted before they were read, as one placeholder message for each casino.

The casinos of the messages are unknown, so each casino rejects one placeholder: it closes like any unreadable message
of its topic, and is a dead letter until the messages are sent again.
"""

from collections.abc import Iterator, Sequence

import msgspec

from tenants.numbers import counted, parse_whole_number

from .decoding import Rejection
from .envelope import CASINO_HEADER, Envelope, Headers, Place, header

LOST = "lost"
FIRST_HEADER = "lost.first_offset"
_MAX_OFFSET = 2**63 - 1


class LostMessages(Envelope):
    """The lost messages, without a casino yet. The place is that of the last one, at the time when the loss was
    found."""

    first: int


def lost_messages(place: Place, first: int) -> LostMessages:
    return LostMessages(place, None, None, b"", None, first)


def for_each_casino(lost: LostMessages, casino_ids: Sequence[int]) -> Iterator[Envelope]:
    """The placeholder that each casino rejects. It can be parked."""
    for casino_id in casino_ids:
        headers: Headers = [(CASINO_HEADER, b"%d" % casino_id), (FIRST_HEADER, b"%d" % lost.first)]
        yield Envelope(lost.place, casino_id, None, b"", headers)


def name_lost(envelope: Envelope, rejection: Rejection) -> Rejection:
    """The rejection of an unreadable message, with the code `lost` if the message is a placeholder of lost ones."""
    if envelope.value or (first := _first_of(envelope)) is None:
        return rejection
    place = envelope.place
    text = (
        f"{counted(place.offset - first + 1, 'offset')} of {place.topic}/{place.partition}, {first} to {place.offset}, "
        "were deleted by the broker before they were read: send their contents again, then purge this dead letter"
    )
    return msgspec.structs.replace(rejection, code=LOST, field="", detail=text)


def _first_of(envelope: Envelope) -> int | None:
    text = header(envelope.headers, FIRST_HEADER)
    return None if text is None else parse_whole_number(text.decode("latin-1"), 0, _MAX_OFFSET)
