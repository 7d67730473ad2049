"""The size of a response, estimated before any work: memory and processor time are proportional to it."""

from dataclasses import dataclass

from recommendations.errors import InvalidParameter

from .output_schema import EVENTS, FieldMapping

MAX_RESPONSE_BYTES = 10_000_000
BYTES_OF_REQUEST = 16_384  # a response up to this size counts as one request of the casino's rate
_BYTES_OF_VALUE = 64
_BYTES_OF_REASONS = 300
_BYTES_OF_PARTICIPANTS = 8_000
_BYTES_OF_EXPLANATION = 200
_BYTES_OF_LISTS = {"reasons": _BYTES_OF_REASONS, "participants": _BYTES_OF_PARTICIPANTS}


@dataclass(frozen=True, slots=True)
class ResponseSize:
    """The bytes of a recommendation in a casino's schema: without its events, and of each event."""

    fields: int
    event: int

    def count_requests(self, users: int, events: int, *, explain: bool) -> int:
        """The number of requests that a response for `users`, of `events` each, counts as. Raises InvalidParameter if
        it would be too large. A response for one user is never too large."""
        explanation = _BYTES_OF_EXPLANATION + events * (_BYTES_OF_EXPLANATION + _BYTES_OF_REASONS) if explain else 0
        bytes_of_user = self.fields + events * self.event + explanation
        most = max(MAX_RESPONSE_BYTES // bytes_of_user, 1)
        if users > most:
            raise InvalidParameter(
                f"user_ids lists {users} users; with this recommendation_schema and limit, list at most {most}"
            )
        return users * -(-bytes_of_user // BYTES_OF_REQUEST)


def response_size(schema: tuple[FieldMapping, ...], default: tuple[FieldMapping, ...]) -> ResponseSize:
    """The size in this schema; `default` are the fields of an event in a list without fields of its own."""
    lists = [field.fields or default for field in schema if field.source_field == EVENTS]
    return ResponseSize(_bytes_of(schema), sum(map(_bytes_of, lists)))


def _bytes_of(fields: tuple[FieldMapping, ...]) -> int:
    lists = sum(_BYTES_OF_LISTS.get(field.source_field, 0) for field in fields)
    return lists + sum(len(field.name.encode()) + _BYTES_OF_VALUE for field in fields)
