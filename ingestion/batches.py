"""A batch of messages, each to its own casino's database."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import DataError, IntegrityError

from recommendations.storing import Result
from tenants.context import use_casino
from tenants.models import Casino
from tenants.schema_version import require_up_to_date

from .messages import Accepted, Place, Rejection
from .topics import Topic


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a message that reached its casino's database."""

    place: Place
    casino_id: int
    result: Result


Verdict = Stored | Rejection


def store_batch(topic: Topic, messages: Iterable[Accepted]) -> list[Verdict]:
    """Store messages, one transaction a casino, and say what became of each.

    Raises OperationalError or InterfaceError if a database can't be reached or written to at present: then nothing is
    known of the batch, and it has to come again, which does no harm.
    """
    groups: dict[int, list[Accepted]] = defaultdict(list)
    for message in messages:
        groups[message.casino_id].append(message)
    casinos = Casino.objects.ready().in_bulk(list(groups))
    verdicts: list[Verdict] = []
    for casino_id, group in sorted(groups.items()):
        if casino_id in casinos:
            require_up_to_date(casinos[casino_id])
            with use_casino(casinos[casino_id].current):
                verdicts += _store_group(topic, group)
        else:
            verdicts += [_no_such_casino(message) for message in group]
    return verdicts


def _store_group(topic: Topic, group: list[Accepted], *, is_last_try: bool = False) -> list[Verdict]:
    """Store the messages of the current casino. What the database refuses is found by halving."""
    try:
        outcomes = topic.store([message.row for message in group])
    except (DataError, IntegrityError) as error:
        if len(group) == 1 and isinstance(error, IntegrityError) and not is_last_try:
            return _store_group(topic, group, is_last_try=True)  # its next id may be free
        if len(group) == 1:
            return [Rejection(group[0].place, group[0].casino_id, "refused_by_database", str(error).strip())]
        middle = len(group) // 2
        return _store_group(topic, group[:middle]) + _store_group(topic, group[middle:])
    return [_verdict(message, outcome.result) for message, outcome in zip(group, outcomes, strict=True)]


def _verdict(message: Accepted, result: Result) -> Verdict:
    if result is not Result.ID_TAKEN:
        return Stored(message.place, message.casino_id, result)
    detail = f"id: {message.row.id} was given to a row that came without an id; send ids for all, or for none"
    return Rejection(message.place, message.casino_id, result.value, detail)


def _no_such_casino(message: Accepted) -> Rejection:
    return Rejection(message.place, message.casino_id, "unknown_casino", "no casino that takes messages has this id")
