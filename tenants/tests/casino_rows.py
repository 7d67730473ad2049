"""A casino's rows for these tests, by the names of the models: this app and its tests import no other app."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps

NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)

User: Any = apps.get_model("recommendations", "User")
Event: Any = apps.get_model("recommendations", "Event")
Team: Any = apps.get_model("recommendations", "Team")
Coupon: Any = apps.get_model("recommendations", "PurchasedCoupon")
Profile: Any = apps.get_model("recommendations", "UserProfile")
OfferVersion: Any = apps.get_model("recommendations", "OfferVersion")


def new_user(name: str = "Ada", **changes: Any) -> Any:
    """An unsaved user."""
    fields = {
        "name": name,
        "surname": "Lovelace",
        "birth_year": 1985,
        "currency": "EUR",
        "country": "ENGLAND",
        "gender": "FEMALE",
        "timestamp": NOON,
    }
    return User(**fields | changes)


def make_user(name: str = "Ada", **changes: Any) -> Any:
    user = new_user(name, **changes)
    user.save()
    return user


def make_coupon(user: Any, **changes: Any) -> Any:
    return Coupon.objects.create(user=user, stake=10, timestamp=NOON, recommended_events=[], **changes)


def make_event(**changes: Any) -> Any:
    fields = {
        "country": "ENGLAND",
        "league": "PREMIER LEAGUE",
        "sport": "FOOTBALL",
        "odd": "2.5",
        "home_team": "ARSENAL",
        "away_team": "CHELSEA",
        "begin_timestamp": NOON,
        "end_timestamp": NOON + timedelta(hours=2),
    }
    return Event.objects.create(**fields | changes)


def offer_version() -> int:
    return int(OfferVersion.objects.get().version)
