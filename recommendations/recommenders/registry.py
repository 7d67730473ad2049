"""The registry of recommenders. To add one, add a file in this folder and a line here."""

from recommendations.errors import InvalidConfiguration

from .base import Recommender
from .dynamic import Dynamic
from .hybrid import Hybrid
from .inference import Inference
from .inference_score import InferenceScore
from .neighbours import Neighbours
from .profile import Profile
from .soonest import Soonest
from .static import Static
from .trending import Trending

DEFAULT_RECOMMENDER = "hybrid"

RECOMMENDERS: dict[str, Recommender] = {
    recommender.name: recommender
    for recommender in (
        Static(),
        Dynamic(),
        Inference(),
        InferenceScore(),
        Soonest(),
        Trending(),
        Profile(),
        Neighbours(),
        Hybrid(),
    )
}


def get_recommender(name: object) -> Recommender:
    """The recommender with this name. Raises InvalidConfiguration, which lists the known names."""
    recommender = RECOMMENDERS.get(name) if isinstance(name, str) else None
    if recommender is None:
        known = ", ".join(RECOMMENDERS)
        raise InvalidConfiguration(f"The {name} recommender_type isn't supported. Supported are: {known}")
    return recommender
