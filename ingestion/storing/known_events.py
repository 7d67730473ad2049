"""Completes coupons' selections that have only an event id, from the stored event."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ingestion.messages.coupons import complete_coupon
from ingestion.messages.reading import DecodedMessage
from recommendations.models import Event
from recommendations.text_ids import Kind, ids_of
from recommendations.validation.own_ids import OwnId
from recommendations.validation.rows import CouponRow

_COLUMNS = ("country", "league", "home_team", "away_team", "category", "sport")


def with_known_events(messages: Sequence[DecodedMessage]) -> list[DecodedMessage]:
    """The messages, with such selections of coupons completed if the current casino has the event."""
    coupons = [message.content for message in messages if isinstance(message.content, CouponRow)]
    matches = _matches({event_id for coupon in coupons for event_id in _ids_of_incomplete(coupon)})
    return [_completed(message, matches) for message in messages]


def _ids_of_incomplete(coupon: CouponRow) -> Iterable[OwnId]:
    return (each.event_id for each in coupon.unread_selections or () if each.bare and each.event_id is not None)


def _completed(message: DecodedMessage, matches: Mapping[OwnId, Mapping[str, str]]) -> DecodedMessage:
    coupon = message.content
    if not isinstance(coupon, CouponRow) or not any(_ids_of_incomplete(coupon)):
        return message
    return msgspec.structs.replace(message, content=complete_coupon(coupon, matches))


def _matches(event_ids: set[OwnId]) -> dict[OwnId, dict[str, str]]:
    """Event id -> the match fields of a selection, for the stored events of these."""
    if not event_ids:
        return {}
    texts = ids_of(Kind.EVENTS, [each for each in event_ids if isinstance(each, str)])
    stored = texts | {each: each for each in event_ids if isinstance(each, int)}
    rows = Event.objects.filter(pk__in=stored.values()).values_list("pk", *_COLUMNS)
    found = {pk: _fields(dict(zip(_COLUMNS, values, strict=True))) for pk, *values in rows}
    return {own: found[pk] for own, pk in stored.items() if pk in found}


def _fields(event: dict[str, str]) -> dict[str, str]:
    if event["away_team"]:
        return event
    return {name: event[name] for name in _COLUMNS if not name.endswith("_team")} | {"name": event["home_team"]}
