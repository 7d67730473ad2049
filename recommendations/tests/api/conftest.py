"""The two ways of a program's request: the short way, and the long way through REST framework's view."""

import pytest

SHORT_WAY = "recommendations.api.short_way.ShortWayMiddleware"


@pytest.fixture
def long_way(settings):
    """A function that makes all requests of new clients take the long way."""

    def take_it():
        settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != SHORT_WAY]

    return take_it


@pytest.fixture(params=["short way", "long way"])
def each_way(request, long_way):
    """Runs a test on each way."""
    if request.param == "long way":
        long_way()
