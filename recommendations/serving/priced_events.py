"""Lists events with markets, for staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from recommendations.models import Event, Producer
from recommendations.text_ids import Kind, id_of, with_texts
from recommendations.validation.normal_form import name_form
from recommendations.validation.own_ids import parse_own_id
from tenants.routing.connections import query

_MAX_TEXT = 100
_COUNTS = "SELECT event_id, count(*) FROM markets WHERE event_id = ANY(%s) GROUP BY event_id"


@dataclass(frozen=True, slots=True)
class PricedEvent:
    """An event, the number of its market lines, and the names of the producers with an open price."""

    event: Event
    lines: int
    producers: tuple[str, ...]


def find_priced_events(text: str, now: datetime, *, skip: int = 0, limit: int) -> list[PricedEvent]:
    """Events of the current casino with markets that are not over, by begin: events whose teams or league contain all
    words of the text, or the event with this id."""
    events = Event.objects.filter(offered_by__isnull=False, end_timestamp__gt=now)
    found = with_texts(events.filter(_matching(text))).order_by("begin_timestamp", "pk")[skip : skip + limit]
    return _with_prices(list(found))


def _matching(text: str) -> Q:
    words = name_form(text.replace("\0", ""))[:_MAX_TEXT].split()  # PostgreSQL refuses text with a NUL
    if not words:
        return Q()
    named = Q()
    for word in words:
        named &= Q(home_team__icontains=word) | Q(away_team__icontains=word) | Q(league__icontains=word)
    own = parse_own_id(text.strip())
    stored_id = None if own is None else id_of(Kind.EVENTS, own)
    return named if stored_id is None else named | Q(pk=stored_id)


def _with_prices(events: Sequence[Event]) -> list[PricedEvent]:
    if not events:
        return []
    lines = dict(query(_COUNTS, [[each.pk for each in events]]))
    names = dict(Producer.objects.order_by("name").values_list("code", "name"))
    return [
        PricedEvent(
            each,
            lines.get(each.pk, 0),
            tuple(name for code, name in names.items() if (each.offered_by or 0) >> code & 1),
        )
        for each in events
    ]
