"""Parsed configurations: one of each casino, as of its row."""

import pytest

from recommendations.errors import InvalidConfiguration
from recommendations.serving.configuration import ConfigurationCache
from tenants.models import Casino

SCHEMA = {"user": {"type": "int", "source_field": "user_id"}, "bet": {"type": "float", "source_field": "stake"}}


@pytest.fixture
def cache():
    return ConfigurationCache(capacity=2)


def casino(casino_id, **changes):
    stored = {"recommender_type": "static", "recommendation_schema": dict(SCHEMA), "options": {"event_limit": 5}}
    return Casino(pk=casino_id, **stored | changes)


def test_an_unchanged_configuration_is_parsed_once(cache):
    first = cache.get(casino(1))
    assert (first.recommender.name, [field.name for field in first.schema]) == ("static", ["user", "bet"])
    assert first.options.event_limit == 5
    assert cache.get(casino(1)) is first


def test_the_changes_of_one_casino_take_no_others_place(cache):
    other = cache.get(casino(2))
    for limit in range(1, 21):
        assert cache.get(casino(1, options={"event_limit": limit})).options.event_limit == limit
    assert cache.get(casino(2)) is other


@pytest.mark.parametrize(
    "changes",
    [
        {"recommender_type": "dynamic"},
        {"options": None},
        {"options": {"event_limit": 6}},
        {"recommendation_schema": dict(reversed(SCHEMA.items()))},
    ],
)
def test_a_changed_configuration_is_used_at_once(cache, changes):
    before = cache.get(casino(1))
    after = cache.get(casino(1, **changes))
    assert after == ConfigurationCache(capacity=1).get(casino(1, **changes)) != before


def test_a_recommender_of_another_release_is_an_error(cache):
    with pytest.raises(InvalidConfiguration, match="oracle"):
        cache.get(casino(1, recommender_type="oracle"))
