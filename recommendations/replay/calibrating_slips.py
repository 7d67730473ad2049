"""The slips that a replay shows before its test, to which confidence is calibrated."""

from msgspec.structs import replace

from recommendations.learning.calibration import LONGEST
from recommendations.recommenders.base import Recommender
from recommendations.recommenders.hybrid import HybridModel
from recommendations.serving import slip

from .learner import Learner
from .serving_inputs import ServingInput

_SHARE = 0.25  # the last training coupons, for which a model fitted to the earlier ones chooses slips
_SLIPS = 1_000  # at most, approximately


class CalibratingSlips:
    """Slips before the last training coupons. `training`: the numbers of all training coupons."""

    def __init__(self, learner: Learner, training: range) -> None:
        size = round(len(training) * _SHARE)
        self._learner, self._model = learner, HybridModel({})
        self._numbers = training[len(training) - size :]
        self._stride = max(round(size / _SLIPS), 1)

    def move_to(self, number: int) -> None:
        """Move to the coupon of this number. Before the first slip, the model is fitted."""
        if self._numbers and number == self._numbers.start:
            self._model = self._learner.model_of_cases()

    def is_due(self, number: int) -> bool:
        """Whether a slip is shown before the coupon of this number."""
        return number in self._numbers and number % self._stride == 0

    def choose(self, recommender: Recommender, serving_input: ServingInput) -> tuple[list[int], list[float]]:
        """The events of the recommender's longest slip by the fitted model, as places in the history, and their
        shares."""
        context = serving_input.context
        scores = recommender.score(replace(context, models=context.models.including(self._model)))
        offer, rules = serving_input.offer, replace(serving_input.rules, limit=LONGEST)
        places = slip.choose(offer, scores, rules)
        shares: list[float] = slip.shares_of(offer, scores, rules, places).tolist()
        return serving_input.open.places[places].tolist(), shares
