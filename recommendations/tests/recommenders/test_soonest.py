"""The recommender `soonest`."""

import numpy as np

from recommendations.recommenders.base import ScoringContext
from recommendations.recommenders.soonest import Soonest
from recommendations.tests.factories import OPEN, offer_of


def test_score_is_minus_the_hours_until_the_event_begins():
    """Minus the Unix time was shown to staff as "score -1,795,878,000"."""
    hour = OPEN.timestamp() - 5 * 3_600
    scores = Soonest().score(ScoringContext(offer_of({}), now=hour + 600, hour=hour))
    assert np.allclose(scores, [-5.0])
