"""Users, events and coupons for tests: made in the current casino's database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import factory

from recommendations.models import Event, PurchasedCoupon, User


class UserFactory(factory.django.DjangoModelFactory[User]):
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


class EventFactory(factory.django.DjangoModelFactory[Event]):
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


class CouponFactory(factory.django.DjangoModelFactory[PurchasedCoupon]):
    class Meta:
        model = PurchasedCoupon

    stake = Decimal("10.00")
    timestamp = factory.LazyFunction(lambda: datetime.now(UTC) - timedelta(days=1))
    recommended_events = factory.LazyFunction(lambda: [selection()])


def selection(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": None,
        "country": "ENGLAND",
        "league": "PREMIER LEAGUE",
        "home_team": "ARSENAL",
        "away_team": "CHELSEA",
        "sport": "FOOTBALL",
        "odd": 2.5,
    } | changes
