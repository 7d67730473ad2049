"""The tables of a casino's database."""

from .coupon import PurchasedCoupon
from .event import Event, EventTeam, OfferVersion, Team
from .profile import UserProfile
from .user import Currency, Gender, User

__all__ = [
    "Currency",
    "Event",
    "EventTeam",
    "Gender",
    "OfferVersion",
    "PurchasedCoupon",
    "Team",
    "User",
    "UserProfile",
]
