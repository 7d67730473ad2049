"""Parsers of request bodies."""

from typing import IO, Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.parsers import JSONParser

from recommendations.validation import strict_json


class StrictJSONParser(JSONParser):
    """A JSON object in UTF-8. 400 for any other JSON, for a name that occurs twice in an object, and for nesting beyond
    Python's recursion limit; 415 for a compressed body."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        try:
            parsed = strict_json.loads(read_body(stream, media_type, parser_context).decode())
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply") from error
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error
        if not isinstance(parsed, dict):
            raise ValidationError(f"The body must be an object, not {_KINDS[type(parsed)]}")
        return parsed


class MergePatchParser(StrictJSONParser):
    """The same, by the media type of RFC 7396, and for PATCH alone: what another method replaces is not merged."""

    media_type = "application/merge-patch+json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        if parser_context["request"].method != "PATCH":
            raise UnsupportedMediaType(media_type or self.media_type)
        return super().parse(stream, media_type, parser_context)


def read_body(stream: IO[Any], media_type: str | None, parser_context: Any) -> bytes:
    """The body of a request that a parser reads. Raises UnsupportedMediaType for a compressed one."""
    meta = parser_context["request"].META
    if (coding := meta.get("HTTP_CONTENT_ENCODING", "identity").lower()) not in ("identity", ""):
        raise UnsupportedMediaType(media_type or "", f"The body is compressed ({coding}): send it as it is")
    body: bytes = stream.read()
    return body


_KINDS = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
