"""The garbage collection of a web process is tuned before its first request."""

import pytest

from tenants.tests.server_process import environment, needs_embedded, run_python, url_of_test_catalogue

LOADED = """
import gc, os, sys
from recsys_project import settings
assert "OPENBLAS_NUM_THREADS" in os.environ and "numpy" not in sys.modules
import recsys_project.wsgi
assert gc.get_freeze_count() > 50_000, gc.get_freeze_count()
assert gc.get_threshold()[0] == 10_000
assert "recommendations.api.views" in sys.modules and "dashboard.urls" in sys.modules
"""


@pytest.mark.exhaustive
@needs_embedded
def test_everything_is_imported_and_frozen_before_the_first_request(casino_a):
    env = environment(url_of_test_catalogue())
    env.pop("OPENBLAS_NUM_THREADS", None)
    run_python("-c", LOADED, env=env)
