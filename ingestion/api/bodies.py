"""Splits a request's body into messages, each as bytes. The decoder of Kafka's messages reads these.

With the parameter `mapping`, the body is split into documents, and the mapping makes messages of them.
"""

from typing import IO, Any

import msgspec
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from recommendations.api.parsers import read_body
from tenants.errors import RequestTooLarge

MAPPING = "mapping"  # the name of the parameter
MAX_MESSAGES = 10_000  # a second's work
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"

_EMPTY = "The body is empty: send one message, or several as an array or as lines"

_DECODE_ARRAY = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Body(msgspec.Struct, frozen=True):
    """A body's messages or documents, and its bytes, which must be equal in a repeat of the request."""

    values: list[bytes]
    media_type: str
    content: bytes


def body_of(request: Request) -> Body:
    """The parsed body. Raises ParseError for an empty one, for which REST framework calls no parser."""
    body: Any = request.data
    if not isinstance(body, Body):
        raise ParseError(_EMPTY)
    return body


class JSONMessagesParser(BaseParser):
    """One message, or an array of messages. An array that is not JSON is rejected as a whole."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        content = read_body(stream, media_type, parser_context)
        is_mapped = MAPPING in parser_context["request"].GET
        values = self.documents(content) if is_mapped else self.split(content)
        if len(values) > MAX_MESSAGES:
            raise RequestTooLarge(f"The request has {len(values)} messages: send at most {MAX_MESSAGES}")
        return Body(values, self.media_type, content)

    def documents(self, content: bytes) -> list[bytes]:
        return [content]

    def split(self, content: bytes) -> list[bytes]:
        text = content.removeprefix(_BYTE_ORDER_MARK).strip(_BLANK)
        if not text:
            raise ParseError(_EMPTY)
        if not text.startswith(b"["):
            return [text]
        try:
            return [bytes(raw) for raw in _DECODE_ARRAY(text)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ParseError(f"JSON parse error - {error}") from error


class NDJSONMessagesParser(JSONMessagesParser):
    """One message per line; blank lines are skipped. An invalid line rejects only its own message."""

    media_type = "application/x-ndjson"

    def split(self, content: bytes) -> list[bytes]:
        return [line for each in content.split(b"\n") if (line := each.strip(_BLANK))]

    def documents(self, content: bytes) -> list[bytes]:
        return self.split(content)


class XMLDocumentParser(JSONMessagesParser):
    """A document in XML, which needs a mapping."""

    media_type = "application/xml"

    def split(self, content: bytes) -> list[bytes]:
        text = f"A body of {self.media_type} needs the parameter {MAPPING}, the name of its mapping"
        raise UnsupportedMediaType(self.media_type, text)


class CSVDocumentParser(XMLDocumentParser):
    """Rows in CSV, which need a mapping."""

    media_type = "text/csv"
