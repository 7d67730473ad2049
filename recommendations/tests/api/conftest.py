"""The two ways of a program's request: the short one, and through REST framework's view, as people's go."""

import pytest

SHORT_WAY = "recommendations.api.short_way.ShortWayMiddleware"


@pytest.fixture
def long_way(settings):
    """A function after which new clients' requests all go the long way."""

    def take_it():
        settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != SHORT_WAY]

    return take_it


@pytest.fixture(params=["short way", "long way"])
def each_way(request, long_way):
    """For tests that must hold on both."""
    if request.param == "long way":
        long_way()
