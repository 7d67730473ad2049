"""Decodes messages of impressions."""

import msgspec

from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.own_ids import own_id

from .decoding import TimeBounds, parse_time, sent_time
from .envelope import Envelope
from .formats import ImpressionMessage

_DECODE = msgspec.json.Decoder(ImpressionMessage).decode


def decode_impression(envelope: Envelope, bounds: TimeBounds) -> ImpressionRow:
    """A message without a `timestamp` is of the time at which it was first sent."""
    message = _DECODE(envelope.value or b"")
    given = message.timestamp
    return ImpressionRow(
        recommendation_id=message.recommendation_id,
        user_id=own_id("user_id", message.user_id),
        kind=message.kind,
        event_ids=tuple(own_id(f"event_ids[{number}]", each) for number, each in enumerate(message.event_ids)),
        placement=message.placement,
        timestamp=sent_time(envelope, bounds) if given is None else parse_time("timestamp", given, bounds.past),
    )
