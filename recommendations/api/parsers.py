"""Parsers of request bodies."""

from typing import IO, Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.parsers import JSONParser

from recommendations.validation import strict_json


class StrictJSONParser(JSONParser):
    """Parses a JSON object in UTF-8. Rejects other JSON values, names that occur twice in an object, and nesting beyond
    Python's recursion limit with 400, and a compressed body with 415."""

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
    """Parses a JSON merge patch (RFC 7396). Only PATCH accepts it, since other methods replace fields."""

    media_type = "application/merge-patch+json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        if parser_context["request"].method != "PATCH":
            raise UnsupportedMediaType(media_type or self.media_type)
        return super().parse(stream, media_type, parser_context)


def read_body(stream: IO[Any], media_type: str | None, parser_context: Any) -> bytes:
    """Read a request's body for a parser. Raises UnsupportedMediaType for a compressed body."""
    meta = parser_context["request"].META
    if (coding := meta.get("HTTP_CONTENT_ENCODING", "identity").lower()) not in ("identity", ""):
        raise UnsupportedMediaType(media_type or "", f"The body is compressed ({coding}): send it uncompressed")
    body: bytes = stream.read()
    return body


_KINDS = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
