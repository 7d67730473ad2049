"""The tables of a casino's database."""

from .coupon import PurchasedCoupon, WaitingCoupon
from .event import Event, EventStatus, EventTeam, OfferChange, OfferVersion, Team
from .profile import UserProfile
from .removal import RemovedRow
from .served import ServedSlip
from .user import User, UserStatus

__all__ = [
    "Event",
    "EventStatus",
    "EventTeam",
    "OfferChange",
    "OfferVersion",
    "PurchasedCoupon",
    "RemovedRow",
    "ServedSlip",
    "Team",
    "User",
    "UserProfile",
    "UserStatus",
    "WaitingCoupon",
]
