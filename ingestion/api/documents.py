"""Makes messages of a request's documents, by the mapping in the parameter `mapping`."""

from collections.abc import Sequence

from django.http import QueryDict
from rest_framework.exceptions import ParseError

from ingestion.mappings.apply import MAX_SECONDS, map_document
from ingestion.mappings.errors import InvalidMapping, NoSuchMapping, UnreadableDocument
from ingestion.mappings.format import Mapping
from ingestion.mappings.options import ChosenMapping, choose_mapping
from ingestion.mappings.processor_time import ProcessorTime
from ingestion.topics import Topic
from ingestion.uploads.mapped import uploaded
from ingestion.uploads.store import UploadedMessage
from recommendations.errors import InvalidParameter
from tenants.errors import RequestTooLarge
from tenants.models import Casino

from .bodies import MAPPING, MAX_MESSAGES


def mapped_messages(
    mapping: Mapping, documents: Sequence[bytes], max_seconds: float = MAX_SECONDS
) -> list[UploadedMessage]:
    """The messages of all documents, numbered from 0. An unreadable document among several becomes a rejected message;
    a single one raises ParseError. Raises RequestTooLarge if the mapping takes longer than `max_seconds` or makes too
    many messages."""
    found: list[UploadedMessage] = []
    time = ProcessorTime(max_seconds)
    for document in documents:
        if time.is_over():
            raise RequestTooLarge(f"The mapping takes longer than {max_seconds:g} s: send fewer documents at once")
        try:
            found += uploaded(map_document(mapping, document), first=len(found))
        except UnreadableDocument as error:
            if len(documents) == 1:
                raise ParseError(str(error)) from error
            found.append(UploadedMessage(len(found), document, problem=str(error)))
        if len(found) > MAX_MESSAGES:
            raise RequestTooLarge(f"The request has more than {MAX_MESSAGES} messages: send fewer documents at once")
    return found


def plain_messages(values: Sequence[bytes]) -> list[UploadedMessage]:
    """The messages of a request without a mapping, numbered from 0."""
    return [UploadedMessage(number, value) for number, value in enumerate(values)]


def request_mapping(parameters: QueryDict, casino: Casino, topic: Topic) -> ChosenMapping | None:
    """The mapping that the parameter names; None without the parameter. Raises InvalidParameter."""
    names = parameters.getlist(MAPPING)
    if not names:
        return None
    if len(names) > 1:
        raise InvalidParameter(f"{MAPPING} occurs more than once: send it once")
    try:
        return choose_mapping(topic.name, names[0], casino.options)
    except (InvalidMapping, NoSuchMapping) as error:
        raise InvalidParameter(f"{MAPPING}: {error}") from error
