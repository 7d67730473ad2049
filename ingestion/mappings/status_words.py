"""The casinos' own words for a status, from their options; read only for messages with an unknown word."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ingestion.catalogue import catalogue_required
from ingestion.messages.decoding import TimeBounds
from ingestion.messages.partial_formats import PartialFormat
from ingestion.messages.reading import DecodedMessage, read_message, unknown_word_of
from ingestion.topics import Topic
from recommendations.serving.options import NO_STATUS_WORDS, StatusWords
from recommendations.validation.status_words import NO_WORDS, Words
from tenants.current_casino import CATALOGUE
from tenants.models import Casino

logger = logging.getLogger(__name__)


class _StoredOptions(msgspec.Struct):
    """The options with status words. Other options are not decoded: a later release may have more."""

    status_words: StatusWords = NO_STATUS_WORDS


class OwnWords(NamedTuple):
    """A casino's own words: for the status of a topic's rows, and of markets and outcomes."""

    rows: Words = NO_WORDS
    markets: Words = NO_WORDS


NO_OWN_WORDS = OwnWords()


def read_own_words(topic: Topic, messages: Sequence[DecodedMessage], bounds: TimeBounds) -> None:
    """Read the messages with unknown words again, with the words of their casinos, by one query of the catalogue.
    Raises AllDatabasesUnavailable: the caller must then read the messages again later."""
    unknown = [each for each in messages if unknown_word_of(each.content)]
    if not unknown:
        return
    words = _words_of(topic, {each.envelope.casino_id for each in unknown})
    by_casino = {
        casino_id: msgspec.structs.replace(bounds, market_words=own.markets) for casino_id, own in words.items()
    }
    for message in unknown:
        casino_id = message.envelope.casino_id
        if any(own := words.get(casino_id, NO_OWN_WORDS)):
            message.content = read_message(
                topic.decode, topic.partial, message.envelope, by_casino[casino_id], own.rows
            )


def own_words_of(topic: Topic, casino_id: int) -> OwnWords:
    """One casino's own words. Raises AllDatabasesUnavailable."""
    return _words_of(topic, [casino_id]).get(casino_id, NO_OWN_WORDS)


def _words_of(topic: Topic, casino_ids: Iterable[int | None]) -> Mapping[int | None, OwnWords]:
    with catalogue_required():
        casinos = Casino.objects.using(CATALOGUE).filter(pk__in=[each for each in casino_ids if each is not None])
        options = dict(casinos.values_list("pk", "options"))
    return {pk: stored_words(topic, pk, stored) for pk, stored in options.items()}


def stored_words(topic: Topic, casino_id: int, options: object) -> OwnWords:
    """The casino's own words; none if the options can't be read: one casino's options must not stop the messages of
    others."""
    try:
        words = msgspec.convert(options or {}, _StoredOptions).status_words
    except msgspec.ValidationError:
        text = "Casino %s: the options in the catalogue can't be read, so its own words for a status are unknown"
        logger.exception(text, casino_id)
        return NO_OWN_WORDS
    has_status = isinstance(topic.partial, PartialFormat)  # the rows of users and events
    return OwnWords(getattr(words, topic.name) if has_status else NO_WORDS, words.markets)
