"""The dead letters about a user, for the export of the user's data."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import BinaryField, Case, F, Q, QuerySet, Sum, Value, When

from ingestion.models import DeadLetter
from tenants.models.dead_letter import UnassignedDeadLetter
from tenants.routing.context import get_current_casino

from .content import readable

MAX_LETTERS = 1_000  # the latest dead letters of each table
MAX_MESSAGE_BYTES = 65_536  # longer messages are left out
_COLUMNS = ("topic", "place", "state", "reason", "field", "size", "sent_at", "rejected_at")
_HAS_MESSAGE = Q(size__lte=MAX_MESSAGE_BYTES, other_user_ids__isnull=True)
_MESSAGE = Case(When(_HAS_MESSAGE, then=F("value")), default=None, output_field=BinaryField())
_MESSAGE_BYTES = Case(When(_HAS_MESSAGE, then=F("size")), default=Value(0))


def export_dead_letters(names: Sequence[str]) -> list[dict[str, Any]]:
    """The latest dead letters about the user with these names in the current casino's table, and in the catalogue's
    from before the casino was known. `message` is null if it is long, purged, or about other users too."""
    return [_as_json(row) for letters in _letters_of(names) for row in _latest(letters).values(*_COLUMNS, "message")]


def count_bytes(names: Sequence[str]) -> int:
    """The number of bytes of the messages that `export_dead_letters` writes."""
    sums = (_latest(letters).aggregate(total=Sum("message_bytes")) for letters in _letters_of(names))
    return sum(each["total"] or 0 for each in sums)


def _letters_of(names: Sequence[str]) -> Iterator[QuerySet[Any]]:
    about = Q(user_id__in=names) | Q(other_user_ids__has_any_keys=names)
    yield DeadLetter.objects.filter(about)
    yield UnassignedDeadLetter.objects.filter(about, casino_id=get_current_casino().id)


def _latest(letters: QuerySet[Any]) -> QuerySet[Any]:
    annotated: QuerySet[Any] = letters.annotate(message=_MESSAGE, message_bytes=_MESSAGE_BYTES)
    return annotated.order_by("-pk")[:MAX_LETTERS]


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: row[name].isoformat() for name in ("sent_at", "rejected_at")}
    return row | times | {"message": readable(row["message"])}
