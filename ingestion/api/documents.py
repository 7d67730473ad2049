"""Makes the messages of a request's documents, by the mapping that its parameter `mapping` names."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from django.http import QueryDict
from rest_framework.exceptions import ParseError

from ingestion.mappings.apply import map_document
from ingestion.mappings.errors import InvalidMapping, NoSuchMapping, UnreadableDocument
from ingestion.mappings.format import Mapping
from ingestion.mappings.options import find_mapping
from ingestion.topics import Topic
from ingestion.uploads.mapped import uploaded
from ingestion.uploads.store import UploadedMessage
from recommendations.errors import InvalidParameter
from recommendations.serving.options import load_options
from tenants.errors import RequestTooLarge
from tenants.models import Casino

from .bodies import MAPPING, MAX_MESSAGES

OWN = "own"  # the mapping of the casino's options


@dataclass(frozen=True, slots=True)
class RequestMapping:
    """A mapping, and what identifies it: a repeat of the request must have the same."""

    mapping: Mapping
    identity: bytes

    def messages(self, documents: Sequence[bytes]) -> list[UploadedMessage]:
        """The messages of all documents, numbered from 0. One of several that can't be read is a message that is
        rejected; raises ParseError if it is the only one."""
        found: list[UploadedMessage] = []
        for document in documents:
            try:
                found += uploaded(map_document(self.mapping, document), first=len(found))
            except UnreadableDocument as error:
                if len(documents) == 1:
                    raise ParseError(str(error)) from error
                found.append(UploadedMessage(len(found), document, problem=str(error)))
            if len(found) > MAX_MESSAGES:
                raise RequestTooLarge(f"The request has more than {MAX_MESSAGES} messages")
        return found


def plain_messages(values: Sequence[bytes]) -> list[UploadedMessage]:
    """The messages of a request without a mapping, numbered from 0."""
    return [UploadedMessage(number, value) for number, value in enumerate(values)]


def request_mapping(parameters: QueryDict, casino: Casino, topic: Topic) -> RequestMapping | None:
    """None without the parameter. Raises InvalidParameter."""
    names = parameters.getlist(MAPPING)
    if not names:
        return None
    if len(names) > 1:
        raise InvalidParameter(f"{MAPPING} occurs more than once: send it once")
    [name] = names
    stored = getattr(load_options(casino.options).mapping, topic.name) if name == OWN else name
    if stored is None:
        raise InvalidParameter(f"{MAPPING} is {OWN!r}, but the casino's options have no mapping.{topic.name}")
    try:
        return RequestMapping(find_mapping(topic.name, stored), msgspec.json.encode(stored))
    except (InvalidMapping, NoSuchMapping) as error:
        raise InvalidParameter(f"{MAPPING}: {error}") from error
