"""The measuring of coverage around the tests."""

import sys

from conftest import Coverage


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
