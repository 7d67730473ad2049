"""The response to a request with messages: each message's outcome."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from rest_framework import status
from rest_framework.response import Response

from ingestion.uploads.outcomes import REJECTED, ItemOutcome
from recommendations.validation.own_ids import MAX_ID_TEXT


class _OwnId(msgspec.Struct):
    id: int | float | str | None = None


_DECODE_ID = msgspec.json.Decoder(_OwnId).decode


def answer(values: Sequence[bytes], outcomes: Sequence[ItemOutcome], all_stored: int) -> Response:
    """A response with the status `all_stored` if no message is rejected, else 207. Its items have no message ids in a
    repeat whose mapping has changed: `values` then has another length than `outcomes`."""
    if len(values) != len(outcomes):
        values = [b""] * len(outcomes)
    counts = Counter(each.outcome for each in outcomes)
    items = [_item(number, *each) for number, each in enumerate(zip(values, outcomes, strict=True))]
    code = status.HTTP_207_MULTI_STATUS if REJECTED in counts else all_stored
    return Response({"outcomes": counts, "items": items}, code)


def _item(index: int, value: bytes, outcome: ItemOutcome) -> dict[str, Any]:
    texts: dict[str, str] = msgspec.to_builtins(outcome)  # without empty fields
    return {"index": index, "id": _sent_id(value), **texts}


def _sent_id(value: bytes) -> int | float | str | None:
    """The message's `id` as it was sent; None if it has no readable one."""
    try:
        sent = _DECODE_ID(value).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if isinstance(sent, str) and len(sent) > MAX_ID_TEXT else sent
