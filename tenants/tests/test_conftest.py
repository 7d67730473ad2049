"""The measuring of coverage around the tests, and the fixtures that they leave out."""

import sys

import pytest

from conftest import Coverage


@pytest.mark.urls("recsys_project.urls")
def test_a_mark_brings_the_fixture_that_carries_it_out(request):
    assert "_django_set_urlconf" in request.fixturenames
    assert "_django_isolate_apps" not in request.fixturenames


def test_fixtures_without_an_effect_are_left_out(request):
    assert "_dj_autoclear_mailbox" in request.fixturenames
    unused = {"_django_set_urlconf", "_live_server_helper", "_django_clear_site_cache", "_django_setup_unittest"}
    assert not unused & set(request.fixturenames)


def test_blocks_with_and_without_coverage_may_stand_in_each_other():
    class Other(Coverage):
        _tracer, _resumed = None, 0

    def tracer(*_: object) -> None:
        """Measures nothing."""

    before, found = sys.gettrace(), []
    sys.settrace(tracer)
    try:
        with Other.paused(), Other.paused():
            with Other.resumed():
                with Other.resumed():
                    found.append(sys.gettrace())
                found.append(sys.gettrace())
            found.append(sys.gettrace())
        found.append(sys.gettrace())
    finally:
        sys.settrace(before)
    assert found == [tracer, tracer, None, tracer]
