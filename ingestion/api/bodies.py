"""Reads a request's body as messages, each as its bytes: the decoder of Kafka's messages reads what is in them."""

from typing import IO, Any

import msgspec
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from recommendations.api.parsers import read_body
from tenants.errors import RequestTooLarge

MAX_MESSAGES = 10_000  # a second's work
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"

_EMPTY = "The body is empty: send one message, or several as an array or as lines"

_DECODE_ARRAY = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Body(msgspec.Struct, frozen=True):
    """A body's messages, and what a repeat of the request must repeat."""

    values: list[bytes]
    media_type: str
    content: bytes


def body_of(request: Request) -> Body:
    """The body. Raises ParseError for an empty one, which no parser reads."""
    body: Any = request.data
    if not isinstance(body, Body):
        raise ParseError(_EMPTY)
    return body


class JSONMessagesParser(BaseParser):
    """One message, or an array of messages. An array that is no JSON is rejected as a whole."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        content = read_body(stream, media_type, parser_context)
        values = self.split(content)
        if len(values) > MAX_MESSAGES:
            raise RequestTooLarge(f"The request has {len(values)} messages: send at most {MAX_MESSAGES}")
        return Body(values, self.media_type, content)

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
    """One message a line; blank lines are skipped. Each line is read by itself."""

    media_type = "application/x-ndjson"

    def split(self, content: bytes) -> list[bytes]:
        return [line for each in content.split(b"\n") if (line := each.strip(_BLANK))]
