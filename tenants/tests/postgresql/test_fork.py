"""Processes that fork, as gunicorn does with `--preload`: parent and children never share a connection."""

import json
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.tests.server_process import ask, environment, gunicorn, needs_embedded, run_python, url_of_test_catalogue
from tenants.tests.waiting import wait_until

pytestmark = [pytest.mark.slow, needs_embedded, pytest.mark.usefixtures("real_databases")]

USE_CONNECTIONS_BEFORE_FORKING = """
def when_ready(server):
    from tenants.routing.connections import casino_connection
    from tenants.routing.context import use_casino
    from tenants.models import Casino
    for casino in Casino.objects.all():
        with use_casino(casino.current):
            casino_connection().ensure_connection()
"""


@pytest.fixture
def casinos() -> list[Casino]:
    made = store_casinos(["Gamma", "Delta"])
    Casino.objects.update(recommender_type="static", recommendation_schema={"recommended_events": "list"})
    return made


@pytest.mark.exhaustive
def test_parent_and_children_query_at_the_same_time_on_connections_of_their_own(casinos):
    seen = json.loads(run_python("-m", "tenants.tests.fork_with_connections", env=environment(url_of_test_catalogue())))
    assert seen["statuses"] == [0, 0]
    assert seen["after"] == seen["before"]
    first, second = (set(pids) for pids in seen["seen"])
    assert len(first) == len(second) == 3
    assert not first & second
    assert not (first | second) & set(seen["before"])


@pytest.mark.exhaustive
def test_preloaded_workers_serve_two_casinos(casinos, tmp_path):
    hooks = tmp_path / "hooks.py"
    hooks.write_text(USE_CONNECTIONS_BEFORE_FORKING)
    options = ("--preload", "--workers", "2", "--worker-class", "gthread", "--threads", "2", "--config", str(hooks))
    with gunicorn(*options, env=environment(url_of_test_catalogue())) as (port, process):
        children = psutil.Process(process.pid).children  # the first worker responds before the second has started
        wait_until(lambda: len(children()) == 2, else_say="there are not two workers")

        def request_both(number: int) -> list[int]:
            return [ask(port, "/config", casino.pk)[0] for casino in casinos]

        with ThreadPoolExecutor(4) as executor:
            statuses = [status for both in executor.map(request_both, range(20)) for status in both]
    assert statuses == [200] * 40
