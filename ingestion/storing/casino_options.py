"""Reads messages, and reads them again by the casino's options: its words, a mapping, or the format of odds."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from ingestion.catalogue import mapping_option, odd_format_option
from ingestion.errors import UnusableOption
from ingestion.mappings.status_words import read_own_words
from ingestion.messages.decoding import TimeBounds
from ingestion.messages.envelope import Envelope
from ingestion.messages.reading import DecodedMessage, read_message
from ingestion.topics import Topic
from recommendations.validation.odds import OddFormat
from tenants.models import Casino

from .mapped_messages import MappedTurn, read_mapped_messages


def decode_messages(topic: Topic, envelopes: Iterable[Envelope], bounds: TimeBounds) -> list[DecodedMessage]:
    """Decode the messages, unknown words by their casinos' own. Raises AllDatabasesUnavailable if the catalogue is
    unavailable, and a casino's own words are needed."""
    messages = [DecodedMessage(each, read_message(topic.decode, topic.partial, each, bounds)) for each in envelopes]
    if topic.partial is not None:
        read_own_words(topic, messages, bounds)
    return messages


def read_by_options(
    topic: Topic, casino: Casino, messages: Sequence[DecodedMessage], now: datetime, *, is_paused: bool
) -> MappedTurn:
    """Read the messages' contents again by the casino's options, as long as its turn lasts. Those of a
    paused casino are read when they are tried again. Raises AllDatabasesUnavailable."""
    option = mapping_option(casino)
    try:
        odd_format = odd_format_option(casino)
    except UnusableOption as error:
        return MappedTurn(0, str(error))
    if option is None and odd_format is OddFormat.DECIMAL:
        return MappedTurn(len(messages))
    if is_paused:
        return MappedTurn(0)
    bounds = TimeBounds.at(now, odd_format)
    if option is not None:
        return read_mapped_messages(topic, casino.pk, option, messages, bounds)
    again = decode_messages(topic, [message.envelope for message in messages], bounds)
    for message, decoded in zip(messages, again, strict=True):
        message.content = decoded.content
    return MappedTurn(len(messages))
