"""The two paths of a program's request: the fast path, and the normal path through REST framework's view."""

import pytest

FAST_PATH = "recommendations.api.fast_path.FastPathMiddleware"


@pytest.fixture
def normal_path(settings):
    """A function that makes all requests of new clients take the normal path."""

    def take_it():
        settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != FAST_PATH]

    return take_it


@pytest.fixture(params=["fast path", "normal path"])
def each_path(request, normal_path):
    """Runs a test on each path."""
    if request.param == "normal path":
        normal_path()
