import pytest

from recommendations.errors import InvalidConfiguration
from recommendations.recommenders.registry import RECOMMENDERS, get_recommender


def test_the_four_original_recommenders_are_there():
    assert {"static", "dynamic", "inference", "inference_score"} <= set(RECOMMENDERS)


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_a_known_name_gets_its_recommender(name):
    assert get_recommender(name) is RECOMMENDERS[name]


@pytest.mark.parametrize("name", ["oracle", "", "STATIC", None, 5, ["static"], {}])
def test_an_unknown_name_is_rejected_with_the_known_ones(name):
    with pytest.raises(InvalidConfiguration) as refusal:
        get_recommender(name)
    known = ", ".join(RECOMMENDERS)
    assert str(refusal.value) == f"The {name} recommender_type isn't supported. Supported are: {known}"
