"""What another policy would have brought."""

import numpy as np
import pytest

from recommendations.experiments.statistics.errors import TooFewAnswers
from recommendations.experiments.statistics.off_policy import LoggedAnswers, estimate_policy


def logged(answers=20_000, **changed):
    """Two events, drawn evenly: one brings .3 an answer, the other .1. The other policy always shows the first."""
    rng = np.random.default_rng(19)
    is_first = rng.random(answers) < 0.5
    values = {
        "users": rng.integers(0, answers // 4, answers),
        "rewards": (rng.random(answers) < np.where(is_first, 0.3, 0.1)).astype(np.float64),
        "propensities": np.full(answers, 0.5),
        "target": is_first.astype(np.float64),
    }
    return LoggedAnswers(**{**values, **changed})


def test_all_three_find_the_value_of_the_other_policy():
    found = estimate_policy(logged())
    for estimate in (found.ips, found.self_normalised, found.doubly_robust):
        assert estimate.low < 0.3 < estimate.high
        assert estimate.value == pytest.approx(0.3, abs=0.02)
    assert found.effective_answers == pytest.approx(10_000, rel=0.03)


def test_the_policy_that_logged_has_the_mean_of_its_rewards():
    answers = logged(target=np.full(20_000, 0.5))
    found = estimate_policy(answers)
    assert found.ips.value == found.self_normalised.value == pytest.approx(answers.rewards.mean())


def test_a_good_model_makes_the_doubly_robust_estimate_more_precise():
    plain = logged()
    model = logged(predicted=np.where(plain.target == 1, 0.3, 0.1), predicted_target=np.full(len(plain.users), 0.3))
    assert estimate_policy(model).doubly_robust.standard_error < estimate_policy(plain).ips.standard_error


def test_the_users_are_the_unit():
    """Four equal answers of each user tell as much as one."""
    one = logged(5_000)
    values = np.arange(5_000), one.rewards, one.propensities, one.target
    four, alone = LoggedAnswers(*(np.repeat(each, 4) for each in values)), LoggedAnswers(*values)
    assert estimate_policy(four).ips.standard_error == pytest.approx(estimate_policy(alone).ips.standard_error)


def test_the_self_normalised_estimate_needs_the_propensities_up_to_a_factor_only():
    right, halved = logged(), logged(propensities=np.full(20_000, 0.25))
    expected = estimate_policy(right).self_normalised
    assert estimate_policy(halved).self_normalised.value == pytest.approx(expected.value)
    assert estimate_policy(halved).self_normalised.standard_error == pytest.approx(expected.standard_error)


def test_below_1000_effective_answers_it_refuses():
    with pytest.raises(TooFewAnswers, match="1,000 are needed"):
        estimate_policy(logged(1_900))


def test_a_policy_that_was_never_shown_is_refused():
    with pytest.raises(TooFewAnswers, match="worth 0 answers"):
        estimate_policy(logged(target=np.zeros(20_000)))


def test_a_propensity_of_0_is_an_error():
    with pytest.raises(ValueError, match="above 0"):
        estimate_policy(logged(propensities=np.zeros(20_000)))
