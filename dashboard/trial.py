"""What the try page shows of a user."""

from dataclasses import dataclass
from datetime import datetime

from recommendations.errors import UserNotFound
from recommendations.models import PurchasedCoupon, User, UserProfile
from recommendations.serving.options import load_options
from recommendations.serving.preview import Favourite, latest_coupons, preview_recommenders
from recommendations.serving.recommendation import Recommendation
from tenants.models import Casino

COUPONS_SHOWN = 5
_REFUSALS = {
    "self_excluded": "is self-excluded",
    "time_out": "has a time-out",
    "closed": "has a closed account",
    "under_age": "is under age, or may be",
    "limit_reached": "has reached a limit",
}


@dataclass(frozen=True, slots=True)
class Slip:
    """A recommender's answer. `is_chosen`: the casino is configured to use it."""

    name: str
    recommendation: Recommendation
    is_chosen: bool

    @property
    def fell_back(self) -> bool:
        return self.recommendation.fallback_step > 0


@dataclass(frozen=True, slots=True)
class UserTrial:
    """`refusal` says why the user is shown no bets, if so."""

    user: User
    profile: UserProfile | None
    favourites: tuple[Favourite, ...]
    coupons: list[PurchasedCoupon]
    slips: list[Slip]
    refusal: str


def try_user(casino: Casino, user_id: int, now: datetime) -> UserTrial:
    """Of the current casino. The recommender that it uses comes first. Raises UserNotFound."""
    trial = preview_recommenders(casino_id=casino.pk, user_id=user_id, now=now, options=load_options(casino.options))
    user = User.objects.select_related("profile").filter(pk=user_id).first()
    if user is None:  # removed this very moment
        raise UserNotFound("User not found")
    slips = [Slip(name, slip, name == casino.recommender_type) for name, slip in trial.slips.items()]
    code = slips[0].recommendation.refusal
    return UserTrial(
        user=user,
        profile=getattr(user, "profile", None),
        favourites=trial.favourites,
        coupons=latest_coupons(user_id, limit=COUPONS_SHOWN),
        slips=sorted(slips, key=lambda slip: not slip.is_chosen),
        refusal=_REFUSALS.get(code, code),
    )
