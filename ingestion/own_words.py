"""The casinos' own words for a status, an option of theirs; read only for messages whose word is none of the usual."""

from collections.abc import Iterable, Mapping, Sequence

from ingestion.catalogue import catalogue_required
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.reading import read_message
from ingestion.outcomes import DecodedMessage
from ingestion.topics import Topic
from recommendations.serving.options import load_options
from recommendations.validation.status_words import Words
from tenants.current_casino import CATALOGUE
from tenants.models import Casino


def read_own_words(topic: Topic, messages: Sequence[DecodedMessage], bounds: TimeBounds) -> None:
    """Read the messages with unknown words again, with those of their casinos: one query of the catalogue. Raises
    AllDatabasesUnavailable, so that the messages are read once it is back."""
    unknown = [each for each in messages if isinstance(each.content, Rejection) and each.content.unknown_word]
    if not unknown:
        return
    words = _words_of(topic, {each.envelope.casino_id for each in unknown})
    for message in unknown:
        if own := words.get(message.envelope.casino_id):
            message.content = read_message(topic.decode, topic.partial, message.envelope, bounds, own)


def _words_of(topic: Topic, casino_ids: Iterable[int | None]) -> Mapping[int | None, Words]:
    with catalogue_required():
        casinos = Casino.objects.using(CATALOGUE).filter(pk__in=[each for each in casino_ids if each is not None])
        options = dict(casinos.values_list("pk", "options"))
    return {pk: getattr(load_options(stored).status_words, topic.name) for pk, stored in options.items()}
