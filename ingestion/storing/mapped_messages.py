"""Reads the messages of a casino with a mapping again, by that mapping."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.mappings.errors import InvalidMapping, NoSuchMapping
from ingestion.mappings.options import stored_mapping
from ingestion.mappings.processor_time import ProcessorTime
from ingestion.mappings.reading import read_mapped, unknown_words
from ingestion.mappings.status_words import NO_OWN_WORDS, OwnWords, own_words_of
from ingestion.messages.decoding import TimeBounds
from ingestion.messages.reading import DecodedMessage
from ingestion.topics import Topic

TURN_SECONDS = 2.0  # processor time per casino in a batch: one must not stop the messages of others


@dataclass(frozen=True, slots=True)
class MappedTurn:
    """The mapping has read the first `done` messages; `reason` says why it has not read all."""

    done: int
    reason: str = ""
    seconds: float = 0.0


def read_mapped_messages(
    topic: Topic, casino_id: int, option: str, messages: Sequence[DecodedMessage], bounds: TimeBounds
) -> MappedTurn:
    """Read the messages' contents by the casino's mapping, until its turn is over."""
    try:
        mapping = stored_mapping(topic.name, option)
    except (InvalidMapping, NoSuchMapping) as error:
        return MappedTurn(0, f"the option mapping.{topic.name} can't be used: {error}")
    turn = ProcessorTime(TURN_SECONDS)
    own_words: OwnWords | None = None
    for number, message in enumerate(messages):
        message.content = read_mapped(mapping, topic, message.envelope, bounds, (own_words or NO_OWN_WORDS).rows)
        if own_words is None and unknown_words(message.content):
            own_words = own_words_of(topic, casino_id)
            bounds.market_words = own_words.markets
            message.content = read_mapped(mapping, topic, message.envelope, bounds, own_words.rows)
        left = len(messages) - number - 1
        if left and turn.is_over():
            text = f"the mapping took {turn.used:.1f} s, and {left} messages are left"
            return MappedTurn(number + 1, text, turn.used)
    return MappedTurn(len(messages))
