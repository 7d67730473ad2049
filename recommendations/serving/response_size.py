"""The size of a response, estimated in advance: memory and processor time are proportional to it."""

from dataclasses import dataclass

from recommendations.errors import InvalidParameter

from .legs import MAX_LOOKED_AT
from .output_schema import CONTRACT_FIELDS, EVENTS, MARKET_FIELDS, FieldMapping

MAX_RESPONSE_BYTES = 10_000_000
BYTES_OF_REQUEST = 16_384  # a response up to this size counts as one request of the casino's rate
_BYTES_OF_VALUE = 64
_BYTES_OF_REASONS = 300
_BYTES_OF_PARTICIPANTS = 8_000
_BYTES_OF_EXPLANATION = 200
_BYTES_OF_PASSED_OVER = 100  # an event's id and refusal
_BYTES_OF_MARKET = 64  # also names a period or a player
# Source fields whose values are longer.
_LONG = {"reasons": _BYTES_OF_REASONS, "participants": _BYTES_OF_PARTICIPANTS, "market": _BYTES_OF_MARKET}


@dataclass(frozen=True, slots=True)
class ResponseSize:
    """The bytes of a recommendation in a casino's schema: without events, for each event, and for each event chosen by
    its markets."""

    fields: int
    event: int
    event_with_market: int

    def count_requests(self, users: int, events: int, *, explain: bool, has_markets: bool) -> int:
        """The number of requests that a response for `users` with `events` each is charged as. Raises InvalidParameter
        if it would be too large; a response for one user never is."""
        bytes_of_user = self.fields + events * (self.event_with_market if has_markets else self.event)
        if explain:
            bytes_of_user += _BYTES_OF_EXPLANATION + events * (_BYTES_OF_EXPLANATION + _BYTES_OF_REASONS)
            bytes_of_user += MAX_LOOKED_AT * _BYTES_OF_PASSED_OVER if has_markets else 0
        most = max(MAX_RESPONSE_BYTES // bytes_of_user, 1)
        if users > most:
            raise InvalidParameter(
                f"user_ids lists {users} users; with this recommendation_schema and limit, list at most {most}"
            )
        return users * -(-bytes_of_user // BYTES_OF_REQUEST)


def response_size(schema: tuple[FieldMapping, ...]) -> ResponseSize:
    """The size in this schema. An event in a list without own fields has those of the contract and, if it is chosen by
    its markets, its outcome."""
    lists = [field.fields for field in schema if field.source_field == EVENTS]
    sizes = (sum(_bytes_of(fields or default) for fields in lists) for default in (CONTRACT_FIELDS, MARKET_FIELDS))
    return ResponseSize(_bytes_of(schema), *sizes)


def _bytes_of(fields: tuple[FieldMapping, ...]) -> int:
    long = sum(_LONG.get(field.source_field, 0) for field in fields)
    return long + sum(len(field.name.encode()) + _BYTES_OF_VALUE for field in fields)
