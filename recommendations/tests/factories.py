"""Users, events and coupons for tests: models in the current casino's database, rows, and offers in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import factory
import numpy as np

from recommendations.models import Event, EventStatus, PurchasedCoupon, User, UserProfile
from recommendations.offer import ATTRIBUTES, TEXTS, Offer, build_offer
from recommendations.storing.user_tallies import rebuild_users
from recommendations.validation.identity import league_key, team_key
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.own_ids import OwnId
from recommendations.validation.rows import CouponRow, EventRow, Removal, Selection, ServedEventRow, ServedRow, UserRow

OPEN = datetime(2050, 6, 1, 18, tzinfo=UTC)
FIRST_MESSAGE = datetime(2025, 6, 1, tzinfo=UTC)
OFFER_COLUMNS = ("id", "begin_timestamp", "end_timestamp", "odd", *TEXTS)
_offsets = count()


@dataclass
class GuardedUser:
    """A user with the fields that the guard rails read."""

    status: str = "ACTIVE"
    status_until: datetime | None = None
    is_withheld: bool = False
    birth_year: int = 1980
    birth_date: date | None = None
    currency: str = "EUR"
    country: str = "ENGLAND"
    stake_limit: Decimal | None = None
    limit_left: Decimal | None = None


class ManyFactory(factory.django.DjangoModelFactory[Any]):
    """Creates several rows in one statement."""

    class Meta:
        abstract = True

    @classmethod
    def create_each(cls, rows: Iterable[dict[str, Any]]) -> list[Any]:
        """Create a row for each of these fields."""
        created: list[Any] = cls._meta.model.objects.bulk_create([cls.build(**fields) for fields in rows])
        return created

    @classmethod
    def create_batch(cls, size: int, **kwargs: Any) -> list[Any]:
        return cls.create_each([kwargs] * size)


class UserFactory(ManyFactory):
    class Meta:
        model = User

    name = factory.Sequence(lambda n: f"Ada{n}")
    surname = "Lovelace"
    birth_year = 1985
    currency = "EUR"
    country = "ENGLAND"
    gender = "FEMALE"
    timestamp = factory.LazyFunction(lambda: datetime.now(UTC) - timedelta(days=100))
    favorite_sport = "FOOTBALL"


class EventFactory(ManyFactory):
    class Meta:
        model = Event

    country = "ENGLAND"
    league = "PREMIER LEAGUE"
    sport = "FOOTBALL"
    odd = Decimal("2.500")
    home_team = factory.Sequence(lambda n: f"HOME {n}")
    away_team = factory.Sequence(lambda n: f"AWAY {n}")
    begin_timestamp = factory.LazyFunction(lambda: datetime.now(UTC) + timedelta(days=1))
    end_timestamp = factory.LazyAttribute(lambda event: event.begin_timestamp + timedelta(hours=2))


class CouponFactory(ManyFactory):
    class Meta:
        model = PurchasedCoupon

    stake = Decimal("10.00")
    timestamp = factory.LazyFunction(lambda: datetime.now(UTC) - timedelta(days=1))
    recommended_events = factory.LazyFunction(lambda: [selection()])


class TalliedCouponFactory(CouponFactory):
    """A coupon that is counted in its user's profile, as by the storing functions."""

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        coupon = super()._create(model_class, *args, **kwargs)
        _count_coupons_of({coupon.user_id})
        return coupon

    @classmethod
    def create_each(cls, rows: Iterable[dict[str, Any]]) -> list[Any]:
        coupons = super().create_each(rows)
        _count_coupons_of({coupon.user_id for coupon in coupons})
        return coupons


def _count_coupons_of(user_ids: set[int]) -> None:
    profiles = [UserProfile(user_id=user_id) for user_id in sorted(user_ids)]
    UserProfile.objects.bulk_create(profiles, ignore_conflicts=True)
    rebuild_users(sorted(user_ids))


def selection(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": None,
        "country": "ENGLAND",
        "league": "PREMIER LEAGUE",
        "home_team": "ARSENAL",
        "away_team": "CHELSEA",
        "category": "",
        "sport": "FOOTBALL",
        "odd": 2.5,
    } | changes


def at(minutes: int) -> datetime:
    """The time of a message, in minutes after the first."""
    return FIRST_MESSAGE + timedelta(minutes=minutes)


def removal(row_id: OwnId | None, minutes: int) -> Removal:
    assert row_id is not None
    return Removal(id=row_id, timestamp=at(minutes))


def user_row(**changes: Any) -> UserRow:
    fields: dict[str, Any] = {
        "name": "Ada",
        "surname": "Lovelace",
        "birth_year": 1985,
        "currency": "EUR",
        "country": "ENGLAND",
        "gender": "FEMALE",
        "timestamp": FIRST_MESSAGE,
        "favorite_sport": "FOOTBALL",
    }
    return UserRow(**fields | changes)


def event_row(**changes: Any) -> EventRow:
    """An event's row. `odd` may be any number."""
    fields: dict[str, Any] = {
        "begin_timestamp": OPEN,
        "end_timestamp": datetime(2050, 6, 1, 20, tzinfo=UTC),
        "country": "ENGLAND",
        "league": "PREMIER LEAGUE",
        "home_team": "ARSENAL",
        "away_team": "CHELSEA",
        "sport": "FOOTBALL",
        "odd": Decimal("2.5"),
    }
    fields |= changes
    return EventRow(**fields | {"odd": Decimal(str(fields["odd"]))})


def selection_row(**changes: Any) -> Selection:
    return Selection(**selection(odd=Decimal("2.5")) | changes)


def coupon_row(**changes: Any) -> CouponRow:
    fields: dict[str, Any] = {
        "user_id": 1,
        "stake": Decimal("10"),
        "timestamp": datetime.now(UTC) - timedelta(days=1),
        "recommended_events": (selection_row(),),
        "source": None if changes.get("id") else f"test/coupons/0/{next(_offsets)}",
    }
    return CouponRow(**fields | changes)


def served_row(number: int, **changes: Any) -> ServedRow:
    """A served recommendation whose id is this number."""
    fields: dict[str, Any] = {
        "recommendation_id": UUID(int=number),
        "user_id": 7,
        "timestamp": FIRST_MESSAGE,
        "recommender": "static",
        "asked_for": "inference",
        "stake": Decimal("10"),
        "currency": "EUR",
        "events": (
            ServedEventRow(event_id=5, odd=Decimal("2.5"), score=0.25),
            ServedEventRow(event_id=6, odd=Decimal("1.5")),
        ),
    }
    return ServedRow(**fields | changes)


def impression_row(number: int, **changes: Any) -> ImpressionRow:
    """An impression of user 7, of the recommendation whose id is this number."""
    fields: dict[str, Any] = {
        "recommendation_id": UUID(int=number),
        "user_id": 7,
        "kind": "seen",
        "timestamp": FIRST_MESSAGE,
    }
    return ImpressionRow(**fields | changes)


def league(name: str = "PREMIER LEAGUE", *, sport: str = "FOOTBALL", country: str = "ENGLAND") -> str:
    """A league's key."""
    return league_key(sport, country, name)


def team(name: str, *, sport: str = "FOOTBALL", country: str = "ENGLAND", category: str = "") -> str:
    """A team's key."""
    return team_key(sport, country, category, name)


def keys_of(**texts: str) -> dict[str, str]:
    """The attributes of an event or selection with these texts, as in tallies and offers."""
    sport, country, category = texts["sport"], texts["country"], texts.get("category", "")
    return {
        "sport": sport,
        "league": league(texts["league"], sport=sport, country=country),
        "country": country,
        **{
            side: team(texts[side], sport=sport, country=country, category=category)
            for side in ("home_team", "away_team")
        },
    }


def offer_of(*events: dict[str, Any]) -> Offer:
    """An offer in memory with events of the ids 1, 2, ..; missing fields have EventFactory's values."""
    rows = []
    for event_id, changes in enumerate(events, start=1):
        each = {"id": event_id, "home_team": f"H{event_id}", "away_team": f"A{event_id}"}
        each |= {"begin_timestamp": OPEN, "end_timestamp": OPEN + timedelta(hours=2)}
        rows.append(tuple((selection() | each | changes)[column] for column in OFFER_COLUMNS))
    is_tbd = [bool(changes.get("start_time_tbd")) for changes in events]
    return replace(build_offer(1, rows), start_time_tbd=np.array(is_tbd, dtype=np.bool_))


def rows_of(offer: Offer) -> list[tuple[Any, ...]]:
    """The offer's data by event: (id, begin, end, odd, attributes), times in Unix seconds."""
    numbers = (offer.ids, offer.begins, offer.ends, offer.odds)
    coded = [getattr(offer, name) for name in ATTRIBUTES]
    return [
        tuple(column[place].item() for column in numbers) + tuple(column[place] for column in coded)
        for place in range(len(offer))
    ]


def open_rows(now: datetime) -> list[tuple[Any, ...]]:
    """The expected `rows_of` of the current casino's offer, computed from the models."""
    events = Event.objects.filter(status=EventStatus.OPEN, is_withheld=False, end_timestamp__gt=now).order_by("id")
    return [
        (
            event.pk,
            event.begin_timestamp.timestamp(),
            event.end_timestamp.timestamp(),
            float(event.odd or 0),
            *keys_of(**{name: getattr(event, name) for name in TEXTS}).values(),
        )
        for event in events
    ]
