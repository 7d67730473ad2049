"""Messages that a mapping reads as several: their parts are stored one by one, and count as one message."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from ingestion.messages.decoding import Rejection
from ingestion.messages.reading import DecodedMessage, Several
from ingestion.messages.results import MessageResult
from recommendations.storing import Result

EMPTY = "empty"  # the outcome of a document without items
_FIRST_COUNTS = (
    Result.STORED_IN_PART, Result.WAITING, Result.STORED, Result.UPDATED, Result.REMOVED, Result.STALE,
    Result.DUPLICATE,
)  # fmt: skip
_RANKS = {result.value: rank for rank, result in enumerate(_FIRST_COUNTS)}


def split_messages(messages: Sequence[DecodedMessage]) -> list[DecodedMessage]:
    """The messages, with each part of a `Several` as a message."""
    return [part for message in messages for part in _parts(message)]


def merge_results(messages: Sequence[DecodedMessage], results: list[MessageResult]) -> list[MessageResult]:
    """One result for each message: the first rejection among its parts, else the outcome with the first rank."""
    several = {id(message.envelope): message for message in messages if isinstance(message.content, Several)}
    merged, parts = [], defaultdict[int, list[MessageResult]](list)
    for result in results:
        if id(result.envelope) in several:
            parts[id(result.envelope)].append(result)
        else:
            merged.append(result)
    return merged + [_merge(message, parts[key]) for key, message in several.items()]


def _parts(message: DecodedMessage) -> list[DecodedMessage]:
    content = message.content
    if not isinstance(content, Several):
        return [message]
    return [DecodedMessage(message.envelope, each) for each in content.contents]


def _merge(message: DecodedMessage, results: Sequence[MessageResult]) -> MessageResult:
    rejected = [each for each in results if each.rejection is not None and each.outcome != Result.STORED_IN_PART]
    if rejection := _first_of(rejected, len(results), "rejected"):
        return MessageResult.reject(message.envelope, rejection)
    in_part = [each for each in results if each.outcome == Result.STORED_IN_PART]
    note = "; ".join(result.note for result in results if result.note)
    outcomes = sorted((result.outcome for result in results), key=lambda outcome: _RANKS.get(outcome, len(_RANKS)))
    problem = _first_of(in_part, len(results), "stored in part")
    return MessageResult(message.envelope, outcomes[0] if outcomes else EMPTY, problem, note)


def _first_of(results: Sequence[MessageResult], number: int, are: str) -> Rejection | None:
    """The first rejection among the results of a document with `number` items. Its detail has the number of such
    items."""
    if not results or (first := results[0].rejection) is None or number == 1:
        return results[0].rejection if results else None
    detail = f"{len(results)} of the {number} items of the document are {are}; one of them: {first.detail}"
    return msgspec.structs.replace(first, detail=detail)
