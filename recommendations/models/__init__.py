"""The tables of a casino's database."""

from .attribution import Attribution, Breakdown, Due, DueAttribution, How, RecommendationDay, UserDay
from .coupon import PurchasedCoupon, WaitingCoupon
from .erasure import ErasedUser
from .evaluation import Evaluation
from .event import Event, EventStatus, EventTeam, OfferChange, OfferVersion, Team
from .experiment_look import ExperimentLook
from .fitted import FittedModel
from .impression import WHOLE_SLIP, Impression, ImpressionKind
from .learnt import LearntValue
from .market import (
    MAX_PRODUCERS,
    Feed,
    Market,
    MarketLine,
    MarketStatus,
    MarketStop,
    PriceChange,
    PriceVersion,
    Producer,
)
from .profile import UserProfile
from .removal import RemovedRow
from .served import ServedSlip
from .tallies import CasinoTally, PendingCasinoSums, UserTallies
from .text_id import TextId
from .user import User, UserStatus
from .waiting import WaitingChange

__all__ = [
    "MAX_PRODUCERS",
    "WHOLE_SLIP",
    "Attribution",
    "Breakdown",
    "CasinoTally",
    "Due",
    "DueAttribution",
    "ErasedUser",
    "Evaluation",
    "Event",
    "EventStatus",
    "EventTeam",
    "ExperimentLook",
    "Feed",
    "FittedModel",
    "How",
    "Impression",
    "ImpressionKind",
    "LearntValue",
    "Market",
    "MarketLine",
    "MarketStatus",
    "MarketStop",
    "OfferChange",
    "OfferVersion",
    "PendingCasinoSums",
    "PriceChange",
    "PriceVersion",
    "Producer",
    "PurchasedCoupon",
    "RecommendationDay",
    "RemovedRow",
    "ServedSlip",
    "Team",
    "TextId",
    "User",
    "UserDay",
    "UserProfile",
    "UserStatus",
    "UserTallies",
    "WaitingChange",
    "WaitingCoupon",
]
