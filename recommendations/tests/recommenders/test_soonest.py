"""The recommender `soonest`."""

import numpy as np

from recommendations.recommenders.base import ScoringContext
from recommendations.recommenders.soonest import Soonest
from recommendations.serving.start_times import with_unknown_start_times
from recommendations.tests.factories import OPEN, offer_of


def test_score_is_minus_the_hours_until_the_event_begins():
    """Minus the Unix time was shown to staff as "score -1,795,878,000"."""
    hour = OPEN.timestamp() - 5 * 3_600
    scores = Soonest().score(ScoringContext(offer_of({}), now=hour + 600, hour=hour))
    assert np.allclose(scores, [-5.0])


def test_scores_are_those_of_the_hour_and_of_the_offers_zone():
    offer, hour = offer_of({"begin_timestamp": OPEN.replace(hour=0)}), OPEN.timestamp() - 48 * 3_600
    score = Soonest().score
    first = score(ScoringContext(offer, hour=hour))
    assert score(ScoringContext(offer, hour=hour)) is first
    assert score(ScoringContext(offer, hour=hour + 3_600)) == first + 1
    known = with_unknown_start_times(offer, "UTC")
    assert known.memo is offer.memo
    assert score(ScoringContext(known, hour=hour + 3_600)) < first - 80_000


def test_the_scores_alone_count_in_the_offers_size():
    offer = offer_of({}, {})
    before, scores = offer.nbytes, Soonest().score(ScoringContext(offer))
    assert offer.nbytes == before + scores.nbytes
